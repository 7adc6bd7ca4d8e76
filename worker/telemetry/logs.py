"""The log: one record for each thing that happened, readable on a terminal, JSON elsewhere."""

import json
import logging
import traceback
from collections.abc import Mapping, MutableMapping
from datetime import UTC, datetime
from enum import StrEnum, unique
from typing import Final, Literal, Protocol, Self, TextIO, cast

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from worker.runtime.printable import printable
from worker.telemetry.log_stream import LogStream
from worker.telemetry.masking import Numbers, mask, show_numbers

__all__ = ["Action", "Logger", "configure", "get_logger"]


@unique
class Action(StrEnum):
    """What happened: a stable word to search for and to alert on.

    The subject comes first, then what happened to it, or its state.
    """

    WORKER_STARTED = "worker_started"
    """The worker is set up and begins to work."""
    WORKER_STOPPING = "worker_stopping"
    """The worker was asked to stop; it finishes the current batch first."""
    WORKER_STOPPED = "worker_stopped"
    """The last record of an orderly stop."""
    WORKER_STANDING_BY = "worker_standing_by"
    """Another worker serves the commands; this worker takes over when that one ends."""
    WORKER_WAITING_FOR_REPARTITION = "worker_waiting_for_repartition"
    """The number of partitions is being changed: this worker starts to serve after that."""
    COMMAND_ACCEPTED = "command_accepted"
    """A command was accepted and committed: its number is PENDING."""
    COMMAND_REJECTED = "command_rejected"
    """A command was rejected and the rejection committed; `refusal` says why."""
    COMMAND_REPEATED = "command_repeated"
    """A command came again, or the answer to its COMMIT was lost: it had no second effect."""
    COMMAND_PREVIEWED = "command_previewed"
    """A preview was decided: nothing was changed; `would` says what would become of the command."""
    COMMAND_COMPLETED = "command_completed"
    """The operation of a command has ended: its number is ACTIVE or RESERVED."""
    OPERATION_DELAYED = "operation_delayed"
    """An operation is late; an event that says what it waits for was published."""
    OPERATION_RETRIED = "operation_retried"
    """The messages of steps are published again: the PBX asked for it, or was silent."""
    OPERATION_FAILED = "operation_failed"
    """An operation ended without success; `detail` says why."""
    OPERATION_NEEDS_OPERATOR = "operation_needs_operator"
    """An operation cannot proceed by itself: decide with `activation-worker resolve`."""
    AFTERMATH_OUTSTANDING = "aftermath_outstanding"
    """What an ended operation left to do takes longer than expected; the PBX is asked again."""
    AFTERMATH_RETRIED = "aftermath_retried"
    """The messages of steps that an ended operation left to do are published again."""
    AFTERMATH_NEEDS_OPERATOR = "aftermath_needs_operator"
    """What an ended operation left to do failed: decide with `activation-worker resolve`."""
    AFTERMATH_ENDED = "aftermath_ended"
    """What an ended operation left to do is done, or an operator gave it up; see `detail`."""
    ENTITLEMENT_EXCEEDED = "entitlement_exceeded"
    """An account uses more voice services at a site than are in force; an event says so."""
    ENTITLEMENT_RESTORED = "entitlement_restored"
    """What an account uses at a site fits its voice services again; an event says so."""
    RESULT_RECEIVED = "result_received"
    """A PBX reported the result of a step; `effect` is `unknown` if no step awaited it."""
    RECORD_RECEIVED = "record_received"
    """The platform stated a record, or its deletion; `effect` says what became of it."""
    MESSAGE_UNREADABLE = "message_unreadable"
    """A received message can never be handled. `unlogged` counts others that got no line."""
    MESSAGES_DEAD_LETTERED = "messages_dead_lettered"
    """The dead-letter queue has confirmed `messages` dead letters."""
    DEAD_LETTERS_REFUSED = "dead_letters_refused"
    """The dead-letter queue refuses messages: the database keeps them, and the worker retries."""
    DEAD_LETTER_QUEUE_BROKEN = "dead_letter_queue_broken"
    """The dead-letter queue, or an exchange before it, is missing or forbidden."""
    DEAD_LETTER_QUEUE_RESTORED = "dead_letter_queue_restored"
    """The dead-letter queue and the exchanges before it can be used again."""
    MESSAGE_PRIORITISED = "message_prioritised"
    """A message has a priority above 4, and RabbitMQ 4 reorders it; logged once a minute."""
    REPLY_REFUSED = "reply_refused"
    """A `reply_to` names a queue that gets no replies; logged once a minute."""
    REPLIES_LOST = "replies_lost"
    """Replies cannot be published, while all else can; logged once until it works again."""
    PREVIEWS_LOST = "previews_lost"
    """Answers to previews cannot be published: requesters ask again; logged once a minute."""
    REPORT_ENDED = "report_ended"
    """A report was answered in `pages`; another `outcome`: its requester took no more of them."""
    REPORT_NOT_TAKEN = "report_not_taken"
    """A page of a report cannot be published, and the report is given up; logged once a minute."""
    MESSAGE_UNDELIVERED = "message_undelivered"
    """The broker or a queue did not accept a message: the worker keeps it and tries again."""
    MESSAGE_PARKED = "message_parked"
    """A message cannot be encoded and is not tried again: see `activation-worker outbox`."""
    CONSUMING_PAUSED = "consuming_paused"
    """The outbox cannot be published: no more messages are handled until it can."""
    CONSUMING_RESUMED = "consuming_resumed"
    """Messages are handled again."""
    INTAKE_PAUSED = "intake_paused"
    """An operator has paused the intake: commands wait in their queues until it is resumed."""
    INTAKE_RESUMED = "intake_resumed"
    """Commands are taken again."""
    BROKER_CONNECTED = "broker_connected"
    """RabbitMQ is connected."""
    BROKER_LOST = "broker_lost"
    """RabbitMQ cannot be reached or used; the worker keeps reconnecting."""
    PREFETCH_CHANGED = "prefetch_changed"
    """Many messages are large, or no more: the consumers begin again, and hold fewer or more."""
    BROKER_REFUSED = "broker_refused"
    """RabbitMQ refuses what `AMQP_URL` says; the worker reads its file again and retries."""
    BROKER_BLOCKED = "broker_blocked"
    """RabbitMQ is short of memory or disk and accepts no messages until it has enough again."""
    BROKER_UNBLOCKED = "broker_unblocked"
    """RabbitMQ accepts messages again."""
    TOPOLOGY_REFUSED = "topology_refused"
    """RabbitMQ no longer permits declaring exchanges and queues: those that exist are used."""
    EVENT_LOG_DIFFERS = "event_log_differs"
    """The event log keeps events for another time than `WORKER_EVENT_LOG_DAYS` says."""
    DATABASE_LOST = "database_lost"
    """PostgreSQL cannot be reached or used; the transaction is tried again."""
    DATABASE_RECOVERED = "database_recovered"
    """PostgreSQL works again."""
    SERVER_AT_RISK = "server_at_risk"
    """Something of a server is at risk; `reason` says what, and what to do. See `check`."""
    LOCK_AWAITED = "lock_awaited"
    """Another transaction, for instance an import, keeps a lock; this one is tried again."""
    LEADERSHIP_GAINED = "leadership_gained"
    """This worker serves the commands, or one of several partitions, from now on."""
    LEADERSHIP_LOST = "leadership_lost"
    """This worker must not serve the commands, or one of several partitions, any more."""
    LEADERSHIP_RELEASED = "leadership_released"
    """This worker has finished with a partition, and released it for another worker."""
    HTTP_STARTED = "http_started"
    """The HTTP endpoints for health, readiness and metrics accept requests."""
    GAUGES_NOT_READ = "gauges_not_read"
    """The gauges of the database could not be read, and are absent from the metrics for now."""
    LIBRARY_MESSAGE = "library_message"
    """A library logged a warning or an error; `logger` names it."""
    UNEXPECTED_ERROR = "unexpected_error"
    """A defect in the worker: please report it, with its traceback."""


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
