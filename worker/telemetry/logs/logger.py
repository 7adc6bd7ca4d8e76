"""Writes the log: configured once, for the records of the worker and of its libraries."""

import json
import logging
import math
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from time import monotonic
from typing import Final, Literal, Protocol, Self, TextIO, cast

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger
from typing_extensions import override

from worker.runtime.printable import printable
from worker.telemetry.logs.actions import Action
from worker.telemetry.logs.stream import LogStream
from worker.telemetry.masking import Numbers, mask, show_numbers

__all__ = ["Logger", "configure", "get_logger"]

RAISED_TOO: Final = (
    "error when creating transport: ",
    "Unexpected connection close from remote ",
    "Cancelling cause reader exited abnormally",
)
"""The beginnings of what the AMQP library logs and raises: the worker logs what is raised."""
TRACING_LOGGED_AGAIN_SECONDS: Final = 60
"""How often the log says at most that the collector of traces does not take spans."""


class Logger(Protocol):
    """Writes records. Bind a field that many records share once."""

    def bind(self, **fields: object) -> Self:
        """A logger that adds these fields to every record."""

    def debug(self, action: Action, /, **fields: object) -> None:
        """Details for debugging."""

    def info(self, action: Action, /, **fields: object) -> None:
        """Normal operation."""

    def warning(self, action: Action, /, **fields: object) -> None:
        """A problem that the worker recovers from by itself."""

    def error(self, action: Action, /, **fields: object) -> None:
        """A problem that needs an operator. `exc_info=True` adds the traceback."""


def get_logger() -> Logger:
    """The logger as configured last; it writes to standard output until then."""
    logger: Logger = structlog.get_logger()
    return logger


def configure(
    stream: TextIO,
    *,
    format: Literal["auto", "json", "pretty"],  # noqa: A002 -- the name that readers expect
    level: str,
    numbers: Numbers = "full",
) -> None:
    """Sends the records of the worker and of its libraries to the stream.

    `auto` is pretty on a terminal and JSON elsewhere: one object on each line. Only a terminal
    gets colours. Records below the level (`debug`, `info`, `warning`, `error`) are dropped;
    records of libraries are dropped below `warning` too. Raises ValueError for another level.
    With `masked` numbers each line masks its phone numbers, those of libraries too.
    Lines that the stream does not take are counted in `LINES_LOST`.
    """
    threshold = _threshold(level)
    show_numbers(numbers)
    pretty = format == "pretty" or (format == "auto" and stream.isatty())
    render = _masked(_pretty_renderer(stream) if pretty else _render_json)
    lines = LogStream(stream)
    structlog.configure(
        processors=[_order_fields, *_exceptions(pretty=pretty), render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        # It only writes and flushes, although it asks for a complete file.
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", lines)),
        cache_logger_on_first_use=False,
    )
    _route_libraries(lines, render, pretty=pretty, threshold=threshold)


def _threshold(level: str) -> int:
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        message = f"{level!r} is not a log level: use debug, info, warning or error."
        raise ValueError(message)
    return threshold


def _order_fields(_: WrappedLogger, level: str, fields: EventDict) -> EventDict:
    # By hand instead of with structlog's processors: this runs for several records per command.
    action = str(fields.pop("event"))
    timestamp = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
    return {"timestamp": timestamp, "level": level, "action": action, **fields}


def _name_library_message(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    return {**fields, "event": Action.LIBRARY_MESSAGE, "message": str(fields["event"])}


def _exceptions(*, pretty: bool) -> list[Processor]:
    # The pretty renderer formats tracebacks itself.
    return [] if pretty else [structlog.processors.format_exc_info]


def _pretty_renderer(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        event_key="action",
        # Escapes the control characters in text of others.
        repr_native_str=True,
        # Not the one of rich: it prints local variables, and one of them may be a password.
        exception_formatter=_write_traceback,
    )


def _write_traceback(output: TextIO, exc_info: ExcInfo) -> None:
    # Indented: no line of a message of others looks like a record.
    lines = "".join(traceback.format_exception(*exc_info)).rstrip("\n").split("\n")
    output.writelines(f"\n    {printable(line)}" for line in lines)


# One encoder for all records: `json.dumps` with these options creates one per call. ASCII, because
# JSON itself leaves control characters beyond it, and those that reverse text, as they are.
_ENCODER: Final = json.JSONEncoder(default=str, ensure_ascii=True)


def _render_json(_: WrappedLogger, __: str, fields: EventDict) -> str:
    return _ENCODER.encode(fields).replace("\x7f", "\\u007f")


def _masked(render: Processor) -> Processor:
    # Masks the whole line, so that what stands inside lists and tracebacks is masked too.
    def render_masked(
        logger: WrappedLogger, method: str, fields: MutableMapping[str, object]
    ) -> str:
        return mask(_as_text(render(logger, method, fields)))

    return render_masked


def _as_text(rendered: Mapping[str, object] | str | bytes | bytearray | tuple[object, ...]) -> str:
    return rendered if isinstance(rendered, str) else str(rendered)


def _route_libraries(lines: LogStream, render: Processor, *, pretty: bool, threshold: int) -> None:
    handler = logging.StreamHandler(lines)
    # Not a filter of the logger `opentelemetry`, which would not see the records of its children.
    handler.addFilter(_OfTracingRarely())
    handler.addFilter(_is_news)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_library_message,
                _order_fields,
                *_exceptions(pretty=pretty),
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)


def _is_news(record: logging.LogRecord) -> bool:
    """Whether no record of the worker says the same, as `broker_lost` with its reason."""
    return record.name != "aiormq.connection" or not str(record.msg).startswith(RAISED_TOO)


class _OfTracingRarely(logging.Filter):
    """Lets one record a minute of the tracing libraries pass: they log each attempt to export."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_at = -math.inf

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.name.partition(".")[0] != "opentelemetry":
            return True
        now = monotonic()
        if now - self._passed_at < TRACING_LOGGED_AGAIN_SECONDS:
            return False
        self._passed_at = now
        return True
