"""Prepares a new session: its settings, the checks that it must pass, and the database's time."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import uuid4

from asyncpg import ConnectionDoesNotExistError, ProtocolViolationError

from worker.runtime.database_url import DatabaseTarget
from worker.runtime.mistakes import Mistake
from worker.storage.connecting.clock import DatabaseClock
from worker.storage.connecting.errors import SESSION_IS_LOST, ReadOnlyServer
from worker.storage.connecting.session import Driver

__all__ = ["SESSION_SETTINGS", "prepare", "require_kept_session"]

APPLICATION_NAME: Final = "activation-worker"
ENCODING: Final = "UTF8"
SESSION_SETTINGS: Final = {
    # A transaction that has waited for a lock must see what the lock's holder stored, whatever the
    # role's default is.
    "default_transaction_isolation": "read committed",
    # Compiling small statements costs more than it saves.
    "jit": "off",
    # PostgreSQL plans each statement once in a session: planning it for each batch takes longer
    # than running it. The tables may be empty at that time, so the plan must use the indexes: a
    # plan that read whole tables was forty times as slow soon after.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_mergejoin": "off",
    "enable_hashjoin": "off",
    "statement_timeout": "20s",
    "lock_timeout": "10s",
    # A worker that is frozen in the middle of a transaction holds its locks no longer than this,
    # unless it is frozen while it prepares a statement: then no timeout of the server applies.
    "idle_in_transaction_session_timeout": "10s",
    # The driver sets no keepalive. The server's own keeps a firewall from forgetting a connection.
    "tcp_keepalives_idle": "60",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
"""Set in the session, not in the start-up packet: PgBouncer refuses or drops what stands there."""
STATE: Final = "SELECT clock_timestamp(), current_setting('transaction_read_only') = 'on'"

MARK: Final = "activation_worker.session"
"""A setting of our own, which a session must keep."""


async def prepare(driver: Driver, target: DatabaseTarget, clock: DatabaseClock) -> None:
    """Sets what the worker relies on, and observes the database's time.

    Raises `Mistake` if the database cannot hold every text, and `ReadOnlyServer` if it must be
    writable and is not.
    """
    encoding = driver.get_settings().server_encoding
    if encoding != ENCODING:
        raise Mistake(
            f"The database {target.database} has the encoding {encoding}, which cannot hold every"
            " text: create it with ENCODING 'UTF8' and TEMPLATE template0."
        )
    name = target.parameters.get("application_name", APPLICATION_NAME)
    settings = {**SESSION_SETTINGS, "application_name": name.replace("'", "''")}
    await driver.execute(";".join(f"SET {key} = '{value}'" for key, value in settings.items()))
    now, is_read_only = await driver.fetchrow(STATE)
    clock.observe(now)
    if is_read_only and target.must_be_writable:
        raise ReadOnlyServer


async def require_kept_session(driver: Driver, connect: Callable[[], Awaitable[Driver]]) -> None:
    """Raises `Mistake` if a pooler gives the session to others between transactions.

    Advisory locks, settings and prepared statements would be lost with it. Only behind a pooler is
    the server process another one than the start-up named; a second connection shows then whether
    it gets, or takes away, what the first has set.
    """
    started_as = driver.get_server_pid()
    # The simple protocol, which no pooler refuses, returns how many rows there are.
    if await driver.execute(f"SELECT WHERE pg_backend_pid() = {started_as}") == "SELECT 1":
        return
    mark = uuid4().hex
    is_marked = f"SELECT WHERE current_setting('{MARK}', true) = '{mark}'"
    await driver.execute(f"SET {MARK} = '{mark}'")
    other = await connect()
    try:
        await other.execute("BEGIN")
        seen_by_other = await other.execute(is_marked) == "SELECT 1"
        is_kept = await driver.execute(is_marked) == "SELECT 1" and not seen_by_other
    except (ProtocolViolationError, ConnectionDoesNotExistError):
        # Pooling by statement allows no transaction, and ends the connection that begins one. If
        # the server is away, this fails too.
        await driver.execute("SELECT")
        is_kept = False
    finally:
        other.terminate()
    if not is_kept:
        raise Mistake(SESSION_IS_LOST)
