"""The connection pool, transactions, and retries until a transaction is stored."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from time import monotonic
from typing import Final, Protocol, TypeVar

from sqlalchemy.exc import EmulatedDBAPIException
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from worker.runtime.backoff import Backoff
from worker.runtime.concurrency import limited, uninterrupted
from worker.storage.connecting.clock import DatabaseClock
from worker.storage.connecting.connector import CONNECT_TIMEOUT_SECONDS, Connector
from worker.storage.connecting.errors import (
    CONNECTION_FAILURES,
    DatabaseUnavailable,
    is_conflict,
    is_lock_wait,
    is_schema_missing,
    is_transient,
    mistake_of,
    reason_of,
    spoils_session,
)
from worker.storage.connecting.lock_holders import naming_lock_holders
from worker.storage.connecting.session import Driver, Session
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.process_counters import DATABASE_RECONNECTS, UNKNOWN_COMMITS

__all__ = [
    "POOL_CONNECTIONS",
    "READING_WHOLE_TABLES",
    "Database",
    "Transactions",
    "Work",
    "open_database",
    "transaction_in",
]

Result = TypeVar("Result")
Work = Callable[[Session], Awaitable[Result]]

CLOSE_TIMEOUT_SECONDS: Final = 5
POOL_TIMEOUT_SECONDS: Final = 3 * CONNECT_TIMEOUT_SECONDS
"""To wait for a free connection, or to open one and prepare it."""
READING_WHOLE_TABLES: Final = """
SET LOCAL plan_cache_mode = auto; SET LOCAL enable_seqscan = on; SET LOCAL enable_mergejoin = on;
SET LOCAL enable_hashjoin = on;
"""
"""Begins a transaction that reads whole tables: plans for a batch of few rows do not suit it."""
POOL_CONNECTIONS: Final = 35
"""Opened when first needed. The only partition needs seventeen at most: the session of the
membership, two for each of four consumers (commands, PBX results, directory messages and reports:
their work, and dead letters meanwhile), the dead letters of bulk commands, whose work takes turns
with the other commands, the relay, the dead-letter relay, retention, entitlements, and three for
HTTP. Of several, each needs four: commands, dead letters of both queues, and the relay; what the
worker of the router needs beside them is fourteen, and four for each other worker. From the sixth
partition in the worker of the router on, some tasks wait."""
RETRY_FIRST_SECONDS: Final = 0.05
RETRY_LONGEST_SECONDS: Final = 5.0
CONFLICTS_MAXIMUM: Final = 20
"""Attempts of a command before it reports a conflict with other transactions."""
REMIND_SECONDS: Final = 30
"""How often an outage or a lock that lasts is logged again."""


class Transactions(Protocol):
    """Runs work in transactions: a database, or a term of leadership in it."""

    async def transact(self, work: Work[Result], *, retry_forever: bool = True) -> Result:
        """See `Database.transact`."""

    async def read(self, work: Work[Result]) -> Result:
        """See `Database.read`."""


class Database:
    """The connection pool. Safe to share between tasks."""

    def __init__(self, engine: AsyncEngine, connector: Connector, *, waits: bool) -> None:
        self.engine = engine
        self.clock: Final = connector.clock
        """The database's time, by which everything is judged."""
        self._connect = connector.connect
        self._waits = waits
        self._was_usable = False
        self._logged_at: dict[Action, float] = {}
        self._connections_lost = 0
        self._repeated: dict[object, Exception] = {}

    @property
    def failure(self) -> Exception | None:
        """Why work is being repeated now; None if none is, or if it waits for a lock only.

        A server with a full disk answers most statements and refuses some, so that a statement
        that succeeds elsewhere says nothing about them.
        """
        return next(iter(self._repeated.values()), None)

    async def transact(
        self, work: Work[Result], *, retry_forever: bool = True, fence: str = ""
    ) -> Result:
        """Runs the work in one transaction, again and again until it commits; returns its result.

        The work may run several times. After a lost answer to COMMIT it runs again although it was
        stored, so the work must detect what is already stored. `fence` is SQL without parameters
        that fails if the work must not be stored. Raises errors that are not transient; with
        `retry_forever=False` also transient ones, for a caller that tries a smaller batch. A
        database that does not wait repeats only what conflicted with another transaction.
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
        with self.classified():
            async with self._connection() as driver:
                session = Session(driver)
                async with transaction_in(session, first):
                    yield session

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection on which each statement is a transaction of its own."""
        with self.classified():
            async with self._connection() as driver:
                yield Session(driver)

    @asynccontextmanager
    async def own_session(self, statement_seconds: float | None = None) -> AsyncIterator[Session]:
        """A session that the pool does not reuse: its settings, locks and tables end with it."""
        with self.classified():
            async with self.engine.connect() as pooled:
                self._count_reconnect()
                driver: Driver = (await pooled.get_raw_connection()).driver_connection
                try:
                    async with self._naming_lock_holders(driver):
                        yield Session(driver, statement_seconds)
                finally:
                    self._connections_lost += driver.is_closed()
                    await pooled.invalidate()

    @asynccontextmanager
    async def migration(self) -> AsyncIterator[AsyncConnection]:
        """A transaction on a connection of SQLAlchemy, which Alembic needs."""
        with self.classified():
            async with self.engine.begin() as connection:
                driver: Driver = (await connection.get_raw_connection()).driver_connection
                async with self._naming_lock_holders(driver):
                    yield connection

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
            async with self._naming_lock_holders(driver):
                yield driver
        except BaseException as error:
            # The pool does not see these errors, and would hand the connection out again.
            if _is_unusable(driver, error):
                self._connections_lost += _is_lost(driver, error)
                pooled.invalidate()
            raise
        finally:
            pooled.close()

    def _naming_lock_holders(self, driver: Driver) -> AbstractAsyncContextManager[None]:
        """For a command. A worker waits for the lock, and logs that it does."""
        if self._waits:
            return contextlib.nullcontext()
        return naming_lock_holders(driver, self._connect)

    async def _take_from_pool(self) -> PoolProxiedConnection:
        while True:
            try:
                # SQLAlchemy asks its first connection for the server's settings, and the driver
                # waits without a limit when it closes a statement of that.
                async with asyncio.timeout(POOL_TIMEOUT_SECONDS):
                    pooled = await self.engine.raw_connection()
            except EmulatedDBAPIException as error:
                # Errors are classified by what the driver raised.
                raise (error.orig or error) from None
            driver: Driver = pooled.driver_connection
            if not driver.is_closed():
                self._count_reconnect()
                return pooled
            # The server restarted while the connection was idle.
            self._connections_lost += 1
            pooled.invalidate()
            pooled.close()

    def _count_reconnect(self) -> None:
        if self._connections_lost:
            self._connections_lost -= 1
            DATABASE_RECONNECTS.inc()

    @contextmanager
    def classified(self) -> Iterator[None]:
        """Raises a mistake as its sentence, or as an outage once the database was usable.

        A password is rotated, a role locked or a schema restored while workers run: none of them
        may end for it. The contexts of this class do this for their sessions; use it for a session
        that is used outside of them.
        """
        try:
            yield
        except TimeoutError as error:
            # Of the driver: waits for other servers raise errors of their own.
            raise DatabaseUnavailable("no answer in time") from error
        except Exception as error:
            mistake = mistake_of(error)
            is_outage = self._waits and self._was_usable
            if mistake is not None:
                raise (DatabaseUnavailable(str(mistake)) if is_outage else mistake) from None
            if is_outage and is_schema_missing(error):
                raise DatabaseUnavailable(f"its schema has changed: {reason_of(error)}") from error
            raise

    async def _until_done(
        self, once: Callable[[], Coroutine[None, None, Result]], *, retry_forever: bool
    ) -> Result:
        try:
            result = await self._repeat(once, retry_forever=retry_forever)
        finally:
            self._repeated.pop(once, None)
        self._was_usable = True
        self._log_back()
        return result

    async def _repeat(
        self, once: Callable[[], Coroutine[None, None, Result]], *, retry_forever: bool
    ) -> Result:
        backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS)
        failures = 0
        while True:
            try:
                # Cancelling a commit does not roll it back: seven of ten cancelled commits were
                # durable. So a transaction that has begun runs to its end; the timeouts bound it.
                return await uninterrupted(once())
            except Exception as error:
                if not is_transient(error):
                    raise
                failures += 1
                if not self._waits and (failures == CONFLICTS_MAXIMUM or not is_conflict(error)):
                    raise
                self.log_failure(error)
                if not retry_forever:
                    raise
                if not is_lock_wait(error):
                    self._repeated[once] = error
                await asyncio.sleep(backoff.pause_seconds())

    def log_failure(self, error: Exception) -> None:
        """Logs what has failed for a while, at most every half minute."""
        action = Action.LOCK_AWAITED if is_lock_wait(error) else Action.DATABASE_LOST
        now = monotonic()
        if now - self._logged_at.get(action, -REMIND_SECONDS) >= REMIND_SECONDS:
            get_logger().warning(action, reason=reason_of(error))
            self._logged_at[action] = now

    def _log_back(self) -> None:
        if self.failure is None and self._logged_at.pop(Action.DATABASE_LOST, None) is not None:
            get_logger().info(Action.DATABASE_RECOVERED)


@asynccontextmanager
async def open_database(
    url: str | Callable[[], str], *, waits: bool = False
) -> AsyncIterator[Database]:
    """A pool of connections to the database at the URL; connects when first used.

    `url` may be a function, which each connection calls again: credentials rotate. With `waits`,
    `Database.transact` and `Database.read` wait for a server that is away, as a worker must; a
    command reports it instead.
    """
    connector = Connector(url if callable(url) else lambda: url, DatabaseClock())
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connector.connect,
        pool_size=POOL_CONNECTIONS,
        max_overflow=0,
        # The connection that was used last has its statements planned and its caches warm.
        pool_use_lifo=True,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
    )
    database = Database(engine, connector, waits=waits)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def transaction_in(session: Session, first: str = "") -> AsyncIterator[None]:
    """One transaction of this session; like `Database.transaction`."""
    driver = session.driver
    try:
        await driver.execute(f"BEGIN;{first}")
        yield
        await _commit(session)
    except BaseException as error:
        if not _is_unusable(driver, error):
            await driver.execute("ROLLBACK;")
        raise


async def _commit(session: Session) -> None:
    # After a failed statement PostgreSQL answers COMMIT with ROLLBACK, and no error.
    try:
        answer = await session.driver.execute("COMMIT;", timeout=session.statement_seconds)
    except Exception as error:
        if _is_lost(session.driver, error):
            UNKNOWN_COMMITS.inc()
        raise
    if answer != "COMMIT":
        message = "the work continued after a failed statement: PostgreSQL rolled it back"
        raise AssertionError(message)


def _is_lost(driver: Driver, error: BaseException) -> bool:
    """Whether the connection has ended, or does not answer."""
    return driver.is_closed() or isinstance(error, CONNECTION_FAILURES)


def _is_unusable(driver: Driver, error: BaseException) -> bool:
    """Whether the connection's state is unknown, or a new one may succeed where it cannot."""
    return driver.is_closed() or not isinstance(error, Exception) or spoils_session(error)
