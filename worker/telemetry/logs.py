"""The log: one record for each thing that happened, for people on a terminal, else for machines."""

import json
import logging
import re
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Final, Literal, Protocol, Self, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

__all__ = ["Action", "Logger", "configure", "get_logger", "mask_secrets"]


@unique
class Action(StrEnum):
    """What happened: a stable word to search and to alert on. Words are added, never changed."""

    WORKER_STARTED = "worker_started"
    """The worker is set up and begins to work."""
    WORKER_STOPPED = "worker_stopped"
    """The last line of an orderly stop."""
    STOPPING = "stopping"
    """A stop was asked for; the work at hand is finished first."""
    COMMAND_ACCEPTED = "command_accepted"
    """A command was accepted and stored: its number is PENDING."""
    COMMAND_REJECTED = "command_rejected"
    """A command was refused, and why; that is stored."""
    COMMAND_DUPLICATE = "command_duplicate"
    """A command came again with the same content: nothing was done."""
    COMMAND_COMPLETED = "command_completed"
    """The operation of a command has ended: its number is ACTIVE or RESERVED."""
    OPERATION_DELAYED = "operation_delayed"
    """An operation is late; what it waits for was published."""
    OPERATION_FAILED = "operation_failed"
    """An operation ended without success, and why."""
    OPERATION_NEEDS_A_PERSON = "operation_needs_a_person"
    """An operation cannot go on by itself: `activation-worker resolve` decides."""
    OPERATION_CLEANED_UP = "operation_settled"
    """What an ended operation had left outstanding is done, or given up."""
    RESULT_RECEIVED = "result_received"
    """A PBX said what became of a step, and what that did; `unknown` where nobody waited."""
    MESSAGE_UNREADABLE = "message_unreadable"
    """A message is no command that the worker can read."""
    MESSAGE_PUT_AWAY = "message_put_away"
    """A message was put into the dead-letter queue, or could not be put there yet."""
    MESSAGE_UNSENDABLE = "message_unsendable"
    """A message can never be sent as it is and is parked: `activation-worker outbox` decides."""
    MESSAGE_RETURNED = "message_returned"
    """The broker did not take a message, or no queue did: it is kept and tried again."""
    BROKER_CONNECTED = "broker_connected"
    """RabbitMQ is connected."""
    BROKER_BLOCKED = "broker_blocked"
    """RabbitMQ is short of memory or disk: nothing can be published until that is over."""
    BROKER_UNBLOCKED = "broker_unblocked"
    """RabbitMQ takes messages again."""
    INTAKE_PAUSED = "intake_paused"
    """What was decided cannot be said: nothing more is taken in until it can."""
    INTAKE_RESUMED = "intake_resumed"
    """Messages are taken in again."""
    BROKER_LOST = "broker_lost"
    """RabbitMQ cannot be reached or used; connecting is tried again."""
    DATABASE_LOST = "database_lost"
    """PostgreSQL cannot be reached or used; the transaction is tried again."""
    DATABASE_BACK = "database_back"
    """PostgreSQL works again."""
    TOPOLOGY_REFUSED = "topology_refused"
    """The broker does not let us declare any more what was there before: it is used as it is."""
    LEADERSHIP_GAINED = "leadership_gained"
    """This worker serves a partition, or the router, from now on."""
    LEADERSHIP_LOST = "leadership_lost"
    """This worker may not serve a partition, or the router, any more."""
    LEADERSHIP_HANDED_ON = "leadership_handed_on"
    """This worker has released a partition, or the router, for another worker."""
    WAITING_FOR_REPARTITION = "waiting_for_repartition"
    """The number of partitions is being changed: this worker starts to serve when that is done."""
    STANDING_BY = "standing_by"
    """Another worker serves the commands; this one takes over when that one ends."""
    HTTP_SERVING = "http_serving"
    """Health, readiness and metrics can be read over HTTP."""
    MEASURING_FAILED = "measuring_failed"
    """The gauges that the database measures are absent from the metrics for now."""
    LIBRARY_MESSAGE = "library_message"
    """A warning or an error of a library; `logger` names it."""
    UNEXPECTED_ERROR = "unexpected_error"
    """A defect in the worker: its traceback belongs into a bug report."""


class Logger(Protocol):
    """Writes records. A field that many records share is bound once."""

    def bind(self, **fields: object) -> Self:
        """A logger that writes these fields each time."""

    def debug(self, action: Action, /, **fields: object) -> None:
        """What only someone who looks for a fault wants to know."""

    def info(self, action: Action, /, **fields: object) -> None:
        """The ordinary course of things."""

    def warning(self, action: Action, /, **fields: object) -> None:
        """It will pass or repair itself, but somebody may want to know."""

    def error(self, action: Action, /, **fields: object) -> None:
        """Somebody has to act. `exc_info=True` adds the traceback."""


def get_logger() -> Logger:
    """The log as it was configured last; to standard output if it never was."""
    logger: Logger = structlog.get_logger()
    return logger


def configure(
    stream: TextIO,
    *,
    format: Literal["auto", "json", "pretty"],  # noqa: A002 -- what people look for
    level: str,
) -> None:
    """Sends the records of the worker and of its libraries to the stream.

    `auto` is pretty on a terminal and JSON elsewhere: one object on each line. Colours only on
    a terminal. Records below the level (`debug`, `info`, `warning`, `error`) are dropped, those
    of libraries below `warning` too. ValueError where the level is none of these.
    """
    threshold = _threshold(level)
    pretty = format == "pretty" or (format == "auto" and stream.isatty())
    render = _masked(_pretty_renderer(stream) if pretty else _render_json)
    structlog.configure(
        processors=[_put_first_things_first, *_exceptions(pretty=pretty), render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=False,
    )
    _route_libraries(stream, render, pretty=pretty, threshold=threshold)


def mask_secrets(text: str) -> str:
    """The text with the passwords of URLs and connection strings replaced by `***`."""
    if "://" in text:
        text = _URL_PASSWORD.sub(r"\g<before>***@", text)
    if "=" in text:
        text = _NAMED_PASSWORD.sub(r"\g<name>=***", text)
    return text


# Up to the last @ before the next URL: a password may hold an @ that nobody has encoded.
_URL_PASSWORD: Final = re.compile(r"(?P<before>://[^\s:/@]*:)(?:(?!://)\S)+@")
_NAMED_PASSWORD: Final = re.compile(r"(?i)\b(?P<name>password|passwd|secret)=[^\s\"'&;,\\]+")


def _threshold(level: str) -> int:
    threshold = logging.getLevelNamesMapping().get(level.upper())
    if threshold is None:
        message = f"{level!r} is no log level: use debug, info, warning or error."
        raise ValueError(message)
    return threshold


def _put_first_things_first(_: WrappedLogger, level: str, fields: EventDict) -> EventDict:
    # The library has a function for each of these. A line of each command goes through here, twice.
    action = str(fields.pop("event"))
    timestamp = f"{datetime.now(UTC).replace(tzinfo=None).isoformat()}Z"
    return {"timestamp": timestamp, "level": level, "action": action, **fields}


def _name_library_message(_: WrappedLogger, __: str, fields: EventDict) -> EventDict:
    return {**fields, "event": Action.LIBRARY_MESSAGE, "message": str(fields["event"])}


def _exceptions(*, pretty: bool) -> list[Processor]:
    # The pretty renderer has its own way to write a traceback.
    return [] if pretty else [structlog.processors.format_exc_info]


def _pretty_renderer(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(
        colors=stream.isatty(),
        event_key="action",
        # Not the rich one: it prints local variables, and one of them may be a password.
        exception_formatter=structlog.dev.plain_traceback,
    )


# Made once: `json.dumps` makes one for each record that is not all plain.
_ENCODER: Final = json.JSONEncoder(default=str, ensure_ascii=False)


def _render_json(_: WrappedLogger, __: str, fields: EventDict) -> str:
    return _ENCODER.encode(fields)


def _masked(render: Processor) -> Processor:
    # The whole line, not field by field: so a URL deep in a list or a traceback is found too.
    def render_masked(
        logger: WrappedLogger, method: str, fields: MutableMapping[str, object]
    ) -> str:
        return mask_secrets(_as_text(render(logger, method, fields)))

    return render_masked


def _as_text(rendered: Mapping[str, object] | str | bytes | bytearray | tuple[object, ...]) -> str:
    return rendered if isinstance(rendered, str) else str(rendered)


def _route_libraries(stream: TextIO, render: Processor, *, pretty: bool, threshold: int) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name_library_message,
                _put_first_things_first,
                *_exceptions(pretty=pretty),
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(threshold, logging.WARNING))
    logging.captureWarnings(capture=True)
