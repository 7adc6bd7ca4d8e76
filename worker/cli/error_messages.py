"""What an error means to the one who typed the command, and what to do about it."""

from typing import Final

import asyncpg
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from worker.broker.confirm_channel import NotPublished
from worker.broker.connection import BrokerUnavailable
from worker.broker.topology import TopologyMismatch
from worker.cli.exits import Exit
from worker.local import ServerUnavailable
from worker.operator.dead_letters import NoSuchDeadLetter
from worker.operator.import_records import ImportBusy, ImportRefused
from worker.operator.repartition import RepartitionTimedOut
from worker.operator.resolve import NothingToResolve
from worker.operator.send import NoTopology, WrongCommand
from worker.operator.undelivered import NoSuchMessage
from worker.storage.preflight import NotReady
from worker.telemetry.http import HttpUnavailableError

__all__ = ["explained"]

SAYS_IT_ALL: Final = "{}"
BROKER: Final = "RabbitMQ cannot be used: {}. Check AMQP_URL."
DATABASE: Final = "PostgreSQL cannot be used: {}. Check DATABASE_URL."

EXPLANATIONS: Final[tuple[tuple[type[Exception], Exit, str], ...]] = (
    (TopologyMismatch, Exit.MISMATCH, SAYS_IT_ALL),
    (NotReady, Exit.NOT_READY, SAYS_IT_ALL),
    (NoTopology, Exit.NOT_READY, SAYS_IT_ALL),
    (WrongCommand, Exit.USAGE, SAYS_IT_ALL),
    (NothingToResolve, Exit.NOT_FOUND, SAYS_IT_ALL),
    (NoSuchDeadLetter, Exit.NOT_FOUND, SAYS_IT_ALL),
    (NoSuchMessage, Exit.NOT_FOUND, SAYS_IT_ALL),
    (RepartitionTimedOut, Exit.TIMED_OUT, SAYS_IT_ALL),
    (ImportBusy, Exit.UNAVAILABLE, SAYS_IT_ALL),
    (ImportRefused, Exit.INVALID_DATA, "nothing was imported.\n{}"),
    (ServerUnavailable, Exit.UNAVAILABLE, SAYS_IT_ALL),
    (HttpUnavailableError, Exit.UNAVAILABLE, SAYS_IT_ALL),
    (ChannelNotFoundEntity, Exit.NOT_READY, "{}. Run `activation-worker topology` first."),
    (BrokerUnavailable, Exit.UNAVAILABLE, BROKER),
    (NotPublished, Exit.UNAVAILABLE, BROKER),
    (AMQPError, Exit.UNAVAILABLE, BROKER),
    (SQLAlchemyError, Exit.UNAVAILABLE, DATABASE),
    (asyncpg.PostgresError, Exit.UNAVAILABLE, DATABASE),
    (asyncpg.InterfaceError, Exit.UNAVAILABLE, DATABASE),
    (asyncpg.InternalClientError, Exit.UNAVAILABLE, DATABASE),
    # The broker's own are among those above.
    (OSError, Exit.UNAVAILABLE, DATABASE),
)
"""What each error means; the first row that fits."""

OLD_SCHEMA_STATES: Final = frozenset({"3F000", "42P01", "42703", "42883"})
"""SQLSTATEs of a missing schema, table, column or function."""


def explained(error: Exception) -> tuple[Exit, str] | None:
    """The exit code and the paragraph; None for an error of ours, which deserves its traceback."""
    plain = _plain(error)
    if getattr(plain, "sqlstate", None) in OLD_SCHEMA_STATES:
        return Exit.NOT_READY, f"{plain}. Run `activation-worker migrate` first."
    for kind, code, words in EXPLANATIONS:
        if isinstance(error, kind):
            return code, words.format(str(plain) or type(plain).__name__)
    return None


def _plain(error: Exception) -> BaseException:
    # SQLAlchemy's wrapper puts the name of a class before the server's words; its cause does not.
    wrapped = error.orig.__cause__ if isinstance(error, DBAPIError) and error.orig else None
    return wrapped or error
