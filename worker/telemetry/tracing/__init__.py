"""Traces by OpenTelemetry. The export to a collector needs the extra `tracing`."""

from worker.telemetry.tracing.spans import (
    BatchTrace,
    PublishedMessage,
    QueueTracing,
    Tracing,
    set_outcome,
    trace_id_of,
)

__all__ = [
    "BatchTrace",
    "PublishedMessage",
    "QueueTracing",
    "Tracing",
    "set_outcome",
    "trace_id_of",
]
