"""Classifies errors of PostgreSQL and its driver: mistakes, transient errors, bad values."""

import ssl
from collections.abc import Mapping
from typing import Final

import asyncpg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from worker.runtime.mistakes import Mistake
from worker.runtime.tls import is_out_of_date
from worker.settings import SettingsError

__all__ = [
    "CONNECTION_FAILURES",
    "LOCK_NOT_AVAILABLE",
    "SESSION_IS_LOST",
    "DatabaseUnavailable",
    "LeadershipLost",
    "ReadOnlyServer",
    "is_conflict",
    "is_data_error",
    "is_lock_wait",
    "is_schema_missing",
    "is_transient",
    "mistake_of",
    "reason_of",
    "spoils_session",
    "sqlstate_of",
]

DATA_ERROR_CLASSES: Final = frozenset({"21", "22", "23", "54"})
"""SQLSTATE classes for a value that can never be stored (54: too long for an index)."""
UNIQUE_VIOLATION: Final = "23505"
TRANSIENT_CLASSES: Final = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
"""SQLSTATE classes of transient errors: connection, rollback, resources, locks, shutdown, I/O.

XX is an internal error. PostgreSQL also raises it if a disk quota keeps a file from growing. The
server causes it, so no command may be dead-lettered for it."""
ROLLBACK_CLASS: Final = "40"
STALE_PLAN: Final = "0A000"
"""A migration made a cached plan stale; the next transaction plans again."""
TRANSIENT_STATES: Final = frozenset({UNIQUE_VIOLATION, STALE_PLAN})
"""After a unique violation the next attempt finds what another worker stored first."""
LOCK_NOT_AVAILABLE: Final = "55P03"
INTERNAL_ERROR: Final = "XX000"
READ_ONLY: Final = "25006"
"""The server is not the primary any more; a new connection may reach the one that is."""
SCHEMA_MISSING: Final = frozenset({"3F000", "42P01", "42703", "42704", "42804", "42883"})
"""A schema, table, column, type or function is missing, or a type is another one: the schema was
never made, or is just being restored."""
SESSION_IS_LOST: Final = (
    "A connection pooler gives the session to other clients between transactions, and the worker"
    " relies on its session. Set pool_mode = session in PgBouncer, or connect to PostgreSQL itself."
)
MISTAKES: Final[Mapping[str, str]] = {
    "28P01": "PostgreSQL refuses the password: {}. Correct the user or password in DATABASE_URL.",
    "28000": (
        "PostgreSQL does not admit this user: {}. Correct the user, host or sslmode in"
        " DATABASE_URL, or admit the user there (pg_hba.conf, ALTER ROLE ... LOGIN)."
    ),
    "3D000": "PostgreSQL has no such database: {}. Correct it in DATABASE_URL, or create it.",
    "42501": (
        "PostgreSQL refuses the user of DATABASE_URL a right: {}. Grant it, as the operators' page"
        " lists."
    ),
    "3F000": (
        "PostgreSQL finds no schema for this role: {}. Create the schema that its search_path"
        " names, or run ALTER ROLE ... SET search_path = public."
    ),
    # A prepared statement is gone, or belongs to another client.
    "26000": SESSION_IS_LOST,
    "42P05": SESSION_IS_LOST,
}
"""By SQLSTATE what waiting does not heal, with what to change."""
POOLER_STATE: Final = "08P01"
"""PgBouncer gives almost all its refusals this SQLSTATE, so that only the text tells them apart."""
POOLER_MISTAKES: Final[Mapping[str, str]] = {
    "unsupported startup parameter": (
        "PgBouncer refuses a parameter of the connection: {}. Name it in its setting"
        " ignore_startup_parameters."
    ),
    "no such database": (
        "PgBouncer has no such database: {}. Correct it in DATABASE_URL, or add it to [databases]."
    ),
    "no such user": MISTAKES["28000"],
    "authentication failed": MISTAKES["28P01"],
    "login rejected": MISTAKES["28000"],
    "SSL required": (
        "PgBouncer requires TLS: {}. Write sslmode=require into DATABASE_URL, or more."
    ),
    "bouncer config error": (
        "PgBouncer cannot use its configuration: {}. Its log says what to correct there."
    ),
}
"""By what PgBouncer says: what waiting does not heal. All else that it says may heal."""
OF_THE_SERVER: Final = "server login"
"""How PgBouncer begins to say that PostgreSQL does not admit PgBouncer now."""
TLS_REFUSED: Final = "rejected SSL upgrade"
"""What the driver says of a server without TLS; it has no class or code for it."""
NO_TLS: Final = (
    "PostgreSQL offers no TLS, and sslmode in DATABASE_URL requires it: switch ssl on in the"
    " server, or write sslmode=prefer."
)
CERTIFICATE: Final = (
    "The certificate of PostgreSQL cannot be verified: {}. Correct the host or sslrootcert in"
    " DATABASE_URL, or the server's certificate."
)
CERTIFICATE_OUT_OF_DATE: Final = (
    "The certificate of PostgreSQL is out of date: {}. Renew it at the server, or correct the clock"
    " of this host."
)
OWN_CERTIFICATE: Final = (
    "PostgreSQL does not accept the certificate of this worker ({}). Renew it, or correct sslcert"
    " in DATABASE_URL."
)
TLS_FAILS: Final = (
    "TLS with PostgreSQL fails: {}. Correct sslmode, sslcert or ssl_min_protocol_version in"
    " DATABASE_URL, or the server."
)
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
    """The worker no longer leads the partition.

    The fence refused it, another worker holds the lock, or PostgreSQL was out of reach too long.
    """


class DatabaseUnavailable(ConnectionError):
    """PostgreSQL cannot be used now, and waiting may heal it; the text says why."""


class ReadOnlyServer(DatabaseUnavailable):
    """The server takes no changes now."""

    def __init__(self) -> None:
        super().__init__(
            "the server is read-only: it is a standby, or default_transaction_read_only is on for"
            " this database or role, and the worker needs a primary"
        )


def sqlstate_of(error: BaseException) -> str:
    """The SQLSTATE of an error of asyncpg or SQLAlchemy; empty if it has none."""
    source = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(source, "sqlstate", None) or "")


def reason_of(error: BaseException) -> str:
    """The first line of what the error says, as text for people."""
    source = getattr(error, "orig", None) or error
    # SQLAlchemy puts a class name before the message of the server.
    source = source.__cause__ or source if source is not error else error
    text = getattr(source, "strerror", None) or str(source).partition("\n")[0]
    return text or type(error).__name__


def mistake_of(error: BaseException) -> Mistake | SettingsError | None:
    """The sentence for what waiting does not heal; None if the error is none of these."""
    if isinstance(error, (Mistake, SettingsError)):
        return error
    if alert := _certificate_alert(error):
        return Mistake(OWN_CERTIFICATE.format(alert))
    state = sqlstate_of(error)
    text = _tls_mistake(error) or MISTAKES.get(state)
    if state == POOLER_STATE:
        text = _pooler_mistake(reason_of(error))
    if text is None and isinstance(error, asyncpg.ClientConfigurationError):
        text = "DATABASE_URL, or a variable that begins with PG, is wrong: {}."
    return None if text is None else Mistake(text.format(reason_of(error)))


def _pooler_mistake(said: str) -> str | None:
    if said.startswith(OF_THE_SERVER):
        return None
    return next((text for words, text in POOLER_MISTAKES.items() if words in said), None)


def _certificate_alert(error: BaseException) -> str | None:
    """How the server refused the certificate of this client, after the handshake of TLS 1.3.

    The driver reports a lost connection, with the alert as the cause.
    """
    reason = getattr(error.__cause__, "reason", None)
    if not isinstance(error.__cause__, ssl.SSLError) or not isinstance(reason, str):
        return None
    is_refusal = "ALERT" in reason and ("CERTIFICATE" in reason or "UNKNOWN_CA" in reason)
    return reason.replace("_", " ").lower() if is_refusal else None


def _tls_mistake(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return CERTIFICATE_OUT_OF_DATE if is_out_of_date(error) else CERTIFICATE
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        # The server went away during the handshake.
        return None
    if isinstance(error, ssl.SSLError):
        return TLS_FAILS
    return NO_TLS if type(error) is ConnectionError and TLS_REFUSED in str(error) else None


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


def is_conflict(error: BaseException) -> bool:
    """Whether another transaction caused it, so that the next attempt need not wait."""
    state = sqlstate_of(error)
    return state[:2] == ROLLBACK_CLASS or state in {*TRANSIENT_STATES, INTERNAL_ERROR}


def is_lock_wait(error: BaseException) -> bool:
    """Whether another transaction has kept a lock for longer than this one waits."""
    return sqlstate_of(error) == LOCK_NOT_AVAILABLE


def is_data_error(error: BaseException) -> bool:
    """Whether a value can never be stored, however often it is tried."""
    return sqlstate_of(error)[:2] in DATA_ERROR_CLASSES and not is_transient(error)


def is_schema_missing(error: BaseException) -> bool:
    """Whether the schema lacks something, or has changed under the session."""
    return sqlstate_of(error) in SCHEMA_MISSING


def spoils_session(error: BaseException) -> bool:
    """Whether a new session may succeed where this one never will.

    It may reach another server, have other rights, or know types and plans that are new.
    """
    state = sqlstate_of(error)
    return (
        isinstance(error, CONNECTION_FAILURES)
        or state in {READ_ONLY, INTERNAL_ERROR, STALE_PLAN, *MISTAKES}
        or state in SCHEMA_MISSING
    )
