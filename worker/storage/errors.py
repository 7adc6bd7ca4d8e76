"""Classifies errors of PostgreSQL and its driver: transient, caused by a value, or neither."""

from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

__all__ = [
    "CONNECTION_FAILURES",
    "LeadershipLost",
    "is_data_error",
    "is_transient",
    "sqlstate_of",
]

DATA_ERROR_CLASSES: Final = frozenset({"21", "22", "23", "54"})
"""SQLSTATE classes for a value that can never be stored (54: too long for an index)."""
UNIQUE_VIOLATION: Final = "23505"
TRANSIENT_CLASSES: Final = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
"""SQLSTATE classes of transient errors: connection, rollback, resources, locks, shutdown, I/O.

XX is an internal error. PostgreSQL also raises it if a disk quota keeps a file from growing. The
server causes it, so no command may be dead-lettered for it."""
TRANSIENT_STATES: Final = frozenset({UNIQUE_VIOLATION, "0A000"})
"""After a unique violation the next attempt finds what another worker stored first. 0A000: a
migration made a cached plan stale; the next transaction plans again."""
CONNECTION_FAILURES: Final = (
    OSError,
    TimeoutError,
    PoolTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Errors of a connection that is lost or does not answer. The driver raises the last one for a
session that the server ended while it was idle."""


class LeadershipLost(Exception):
    """The fence refused a transaction: another worker leads the partition, or has led it since."""


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE of an error of asyncpg or SQLAlchemy; empty if it has none."""
    source = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(source, "sqlstate", None) or "")


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed later, unchanged.

    Judged by SQLSTATE and the state of the connection, never by text. A refused connection is a
    bare `OSError`; the driver's error for a value that it cannot encode is a `ValueError` too.
    """
    if isinstance(error, CONNECTION_FAILURES):
        return not isinstance(error, ValueError)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = sqlstate_of(error)
    return state[:2] in TRANSIENT_CLASSES or state in TRANSIENT_STATES


def is_data_error(error: BaseException) -> bool:
    """Whether a value can never be stored, however often it is tried."""
    return sqlstate_of(error)[:2] in DATA_ERROR_CLASSES and not is_transient(error)
