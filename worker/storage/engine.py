"""The connection pool, transactions, and retries until a transaction is stored."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeVar

import asyncpg
from sqlalchemy.exc import EmulatedDBAPIException
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from worker.runtime.backoff import Backoff
from worker.runtime.concurrency import limited, uninterrupted
from worker.storage.errors import CONNECTION_FAILURES, is_transient, sqlstate_of
from worker.storage.session import Driver, Session
from worker.telemetry.logs import Action, get_logger

__all__ = [
    "CONNECT_TIMEOUT_SECONDS",
    "POOL_CONNECTIONS",
    "READING_WHOLE_TABLES",
    "Database",
    "Transactions",
    "Work",
    "open_database",
]

Result = TypeVar("Result")
Work = Callable[[Session], Awaitable[Result]]

CONNECT_TIMEOUT_SECONDS: Final = 5
CLOSE_TIMEOUT_SECONDS: Final = 5
COMMAND_TIMEOUT_SECONDS: Final = 40
"""A silent peer would hang the driver for ever; this also outlives the server's own timeouts."""
SERVER_SETTINGS: Final = {
    "application_name": "activation-worker",
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
READING_WHOLE_TABLES: Final = """
SET LOCAL plan_cache_mode = auto; SET LOCAL enable_seqscan = on; SET LOCAL enable_mergejoin = on;
SET LOCAL enable_hashjoin = on;
"""
"""Begins a transaction that reads whole tables: plans for a batch of few rows do not suit it."""
POOL_CONNECTIONS: Final = 33
"""Opened when first needed. One partition needs nine at most: the session of the membership, two
consumers, two for the relay, retention, and three for HTTP probes. Each further partition needs
three. From the ninth partition in one worker on, some tasks wait for a connection."""
RETRY_FIRST_SECONDS: Final = 0.05
RETRY_LONGEST_SECONDS: Final = 5.0
READ_ONLY: Final = "25006"
"""The server is not the primary any more; a new connection may reach the one that is."""


class Transactions(Protocol):
    """Runs work in transactions: a database, or a term of leadership in it."""

    async def transact(self, work: Work[Result], *, retry_forever: bool = True) -> Result:
        """See `Database.transact`."""

    async def read(self, work: Work[Result]) -> Result:
        """See `Database.read`."""


class Database:
    """The connection pool. Safe to share between tasks."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self._is_lost = False

    async def transact(
        self, work: Work[Result], *, retry_forever: bool = True, fence: str = ""
    ) -> Result:
        """Runs the work in one transaction, again and again until it commits; returns its result.

        The work may run several times. After a lost answer to COMMIT it runs again although it was
        stored, so the work must detect what is already stored. `fence` is SQL without parameters
        that fails if the work must not be stored. Raises errors that are not transient; with
        `retry_forever=False` also transient ones, for a caller that tries a smaller batch.
        """

        async def transaction() -> Result:
            async with self.transaction(fence) as session:
                return await work(session)

        return await self._until_done(transaction, retry_forever=retry_forever)

    async def read(self, work: Work[Result]) -> Result:
        """Like `transact` for work that only reads: each of its statements has its own snapshot."""

        async def read() -> Result:
            async with self.session() as session:
                return await work(session)

        return await self._until_done(read, retry_forever=True)

    @asynccontextmanager
    async def transaction(self, first: str = "") -> AsyncIterator[Session]:
        """One transaction: committed at the end, rolled back by an exception.

        `first` is SQL without parameters that travels with BEGIN.
        """
        async with self._connection() as driver:
            try:
                await driver.execute(f"BEGIN;{first}")
                yield Session(driver)
                await _commit(driver)
            except BaseException as error:
                if not _is_unusable(driver, error):
                    await driver.execute("ROLLBACK;")
                raise

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection on which each statement is a transaction of its own."""
        async with self._connection() as driver:
            yield Session(driver)

    @asynccontextmanager
    async def own_session(self) -> AsyncIterator[Session]:
        """A session that the pool does not reuse: its settings and locks end with it."""
        async with self.engine.connect() as pooled:
            try:
                yield Session((await pooled.get_raw_connection()).driver_connection)
            finally:
                await pooled.invalidate()

    async def close(self) -> None:
        """Closes all idle connections, or leaves those whose server does not answer."""
        # The driver waits for each of them as long as for a statement.
        with contextlib.suppress(OSError):
            await limited(self.engine.dispose(), CLOSE_TIMEOUT_SECONDS)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Driver]:
        pooled = await self._take_from_pool()
        driver: Driver = pooled.driver_connection
        try:
            yield driver
        except BaseException as error:
            # The pool does not see these errors, and would hand the connection out again.
            if _is_unusable(driver, error):
                pooled.invalidate()
            raise
        finally:
            pooled.close()

    async def _take_from_pool(self) -> PoolProxiedConnection:
        while True:
            try:
                pooled = await self.engine.raw_connection()
            except EmulatedDBAPIException as error:
                # Errors are classified by what the driver raised.
                raise (error.orig or error) from None
            driver: Driver = pooled.driver_connection
            if not driver.is_closed():
                return pooled
            # The server restarted while the connection was idle.
            pooled.invalidate()
            pooled.close()

    async def _until_done(
        self, once: Callable[[], Coroutine[None, None, Result]], *, retry_forever: bool
    ) -> Result:
        backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS)
        while True:
            try:
                # Cancelling a commit does not roll it back: seven of ten cancelled commits were
                # durable. So a transaction that has begun runs to its end; the timeouts above bound
                # it.
                result = await uninterrupted(once())
            except Exception as error:
                if not is_transient(error):
                    raise
                self._log_lost(error)
                if not retry_forever:
                    raise
                await asyncio.sleep(backoff.pause_seconds())
            else:
                self._log_back()
                return result

    def _log_lost(self, error: Exception) -> None:
        if not self._is_lost:
            reason = str(error).split("\n")[0] or type(error).__name__
            get_logger().warning(Action.DATABASE_LOST, reason=reason)
        self._is_lost = True

    def _log_back(self) -> None:
        if self._is_lost:
            get_logger().info(Action.DATABASE_RECOVERED)
        self._is_lost = False


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """A pool of connections to the database at the URL; connects when first used."""

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            url.replace("+asyncpg", "", 1),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings=SERVER_SETTINGS,
            # By default the driver prepares each statement again after five minutes.
            max_cached_statement_lifetime=0,
        )

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=POOL_CONNECTIONS,
        max_overflow=0,
        # The connection that was used last has its statements planned and its caches warm.
        pool_use_lifo=True,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
    )
    database = Database(engine)
    try:
        yield database
    finally:
        await database.close()


async def _commit(driver: Driver) -> None:
    # After a failed statement PostgreSQL answers COMMIT with ROLLBACK, and no error.
    if await driver.execute("COMMIT;") != "COMMIT":
        message = "the work continued after a failed statement: PostgreSQL rolled it back"
        raise AssertionError(message)


def _is_unusable(driver: Driver, error: BaseException) -> bool:
    """Whether the connection's state is unknown, or its server is not the primary."""
    return (
        driver.is_closed()
        or not isinstance(error, Exception)
        or isinstance(error, CONNECTION_FAILURES)
        or sqlstate_of(error) == READ_ONLY
    )
