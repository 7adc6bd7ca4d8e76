"""Sends spans to an OpenTelemetry collector. Needs the extra `tracing`."""

import asyncio
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from threading import Thread
from typing import TYPE_CHECKING, Final

from worker.runtime.environment import SettingsError
from worker.telemetry.tracing import Tracing

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

__all__ = ["exported_tracing"]

NAME: Final = "activation-worker"
LAST_EXPORT_SECONDS: Final = 2
"""How long a stop waits at most for the collector to take the last spans."""

VARIABLES: Final = {
    "ENDPOINT": (r"https?://\S+", "expected http://host:4318 or https://host:4318"),
    "HEADERS": (r"[^=,]+=[^,]*(,[^=,]+=[^,]*)*", "expected name=value, and commas between several"),
}
"""What the values look like. The libraries log a wrong one, which may hold a password."""


@asynccontextmanager
async def exported_tracing(*, enabled: bool) -> AsyncIterator[Tracing]:
    """Tracing, exported as the variables `OTEL_...` say; or none.

    A thread exports the spans, and drops them if the collector does not take them: the worker never
    waits for it, apart from the last ones, when it stops. Raises `SettingsError` if the libraries
    are missing or a variable is wrong.
    """
    if not enabled:
        yield Tracing()
        return
    _check_variables()
    provider = _provider()
    try:
        yield Tracing(provider.get_tracer(NAME, version(NAME)))
    finally:
        last_export = Thread(target=provider.shutdown, daemon=True)
        last_export.start()
        await asyncio.to_thread(last_export.join, LAST_EXPORT_SECONDS)


def _check_variables() -> None:
    for kind, (pattern, expected) in VARIABLES.items():
        for name in (f"OTEL_EXPORTER_OTLP_{kind}", f"OTEL_EXPORTER_OTLP_TRACES_{kind}"):
            value = os.environ.get(name, "").strip()
            if value and not re.fullmatch(pattern, value):
                raise SettingsError(f"{name}: {expected}.")


def _provider() -> "TracerProvider":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 -- an extra
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 -- likewise
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 -- likewise
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 -- likewise
    except ImportError:
        message = (
            "WORKER_TRACING: the libraries for it are missing; install activation-worker[tracing],"
            " or set it to false."
        )
        raise SettingsError(message) from None
    # `service.name` from OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES wins over this one.
    provider = TracerProvider(resource=Resource.create({"service.version": version(NAME)}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return provider
