"""Translates errors into an exit code and a message that says what to do."""

from typing import Final

import asyncpg
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from worker.broker.connecting.connection import BrokerUnavailable
from worker.broker.publishing.confirm_channel import NotPublished
from worker.broker.topology import TopologyMismatch
from worker.cli.exits import Exit
from worker.cli.streams import InputFailed
from worker.local import ServerUnavailable
from worker.operator.dead_letters.letters import NoSuchDeadLetter, NotReplayed
from worker.operator.dead_letters.reader import DeadLettersNotKept
from worker.operator.importing.import_records import ImportBusy, ImportRefused
from worker.operator.manual_logouts import NoOpenManualLogout
from worker.operator.partitions.repartition import RepartitionTimedOut
from worker.operator.republish import InvalidSelection, NothingToRepublish
from worker.operator.resolve import NothingToResolve
from worker.operator.send import InvalidCommand, TopologyMissing
from worker.operator.undelivered import NoSuchMessage
from worker.runtime.mistakes import Mistake
from worker.runtime.printable import on_one_line
from worker.settings import SettingsError
from worker.storage.connecting.errors import DatabaseUnavailable
from worker.storage.deployment.preflight import NotReady
from worker.telemetry.http import HttpUnavailableError

__all__ = ["explained"]

AS_IT_IS: Final = "{}"
BROKER: Final = "RabbitMQ cannot be used: {}. Check AMQP_URL and the server."
SYSTEM: Final = "The operating system reports: {}."
DATABASE: Final = "PostgreSQL cannot be used: {}. Check DATABASE_URL and the server."

EXPLANATIONS: Final[tuple[tuple[type[Exception], Exit, str], ...]] = (
    (TopologyMismatch, Exit.MISMATCH, AS_IT_IS),
    (SettingsError, Exit.SETTINGS, AS_IT_IS),
    (Mistake, Exit.UNAVAILABLE, AS_IT_IS),
    (NotReady, Exit.NOT_READY, AS_IT_IS),
    (TopologyMissing, Exit.NOT_READY, AS_IT_IS),
    (InvalidCommand, Exit.USAGE, AS_IT_IS),
    (InvalidSelection, Exit.USAGE, AS_IT_IS),
    (NothingToRepublish, Exit.NOT_FOUND, AS_IT_IS),
    (InputFailed, Exit.INPUT_OUTPUT, AS_IT_IS),
    (NothingToResolve, Exit.NOT_FOUND, AS_IT_IS),
    (NoSuchDeadLetter, Exit.NOT_FOUND, AS_IT_IS),
    (DeadLettersNotKept, Exit.UNAVAILABLE, AS_IT_IS),
    (NotReplayed, Exit.UNAVAILABLE, AS_IT_IS),
    (NoSuchMessage, Exit.NOT_FOUND, AS_IT_IS),
    (NoOpenManualLogout, Exit.NOT_FOUND, AS_IT_IS),
    (RepartitionTimedOut, Exit.TIMED_OUT, AS_IT_IS),
    (ImportBusy, Exit.UNAVAILABLE, AS_IT_IS),
    (
        ImportRefused,
        Exit.INVALID_DATA,
        "Nothing was imported. Correct these lines:\n{}",
    ),
    (ServerUnavailable, Exit.UNAVAILABLE, AS_IT_IS),
    (HttpUnavailableError, Exit.UNAVAILABLE, AS_IT_IS),
    (ChannelNotFoundEntity, Exit.NOT_READY, "{}. Run `activation-worker topology`."),
    (BrokerUnavailable, Exit.UNAVAILABLE, BROKER),
    (NotPublished, Exit.UNAVAILABLE, BROKER),
    (AMQPError, Exit.UNAVAILABLE, BROKER),
    (DatabaseUnavailable, Exit.UNAVAILABLE, DATABASE),
    (SQLAlchemyError, Exit.UNAVAILABLE, DATABASE),
    (asyncpg.PostgresError, Exit.UNAVAILABLE, DATABASE),
    (asyncpg.InterfaceError, Exit.UNAVAILABLE, DATABASE),
    (asyncpg.InternalClientError, Exit.UNAVAILABLE, DATABASE),
    # Network errors of a server are named above: this one is of a file, or of this machine.
    (OSError, Exit.UNAVAILABLE, SYSTEM),
)
"""For each kind of error its exit code and text; the first row that matches applies."""

OF_SEVERAL_LINES: Final = frozenset({ImportRefused, ServerUnavailable, SettingsError})
"""Errors that list what is wrong, one thing on each line; text of others begins no line of them."""

OLD_SCHEMA_STATES: Final = frozenset({"3F000", "42P01", "42703", "42883"})
"""SQLSTATEs of a missing schema, table, column or function."""


def explained(error: Exception) -> tuple[Exit, str] | None:
    """The exit code and the message; None for a defect of ours, which needs its traceback.

    What a server or a client wrote is escaped, and on one line.
    """
    cause = _unwrapped(error)
    if getattr(cause, "sqlstate", None) in OLD_SCHEMA_STATES:
        return Exit.NOT_READY, f"{on_one_line(str(cause))}. Run `activation-worker migrate`."
    for kind, code, text in EXPLANATIONS:
        if isinstance(error, kind):
            words = str(cause) or type(cause).__name__
            return code, text.format(words if kind in OF_SEVERAL_LINES else on_one_line(words))
    return None


def _unwrapped(error: Exception) -> BaseException:
    # SQLAlchemy's wrapper puts a class name before the message of the server; its cause does not.
    cause = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else None
    return cause or error
