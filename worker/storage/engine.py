"""The connection to PostgreSQL, and what its failures mean."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol, TypeVar, cast

import asyncpg
from sqlalchemy.exc import DBAPIError, EmulatedDBAPIException
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection

from worker.runtime.backoff import Backoff
from worker.runtime.concurrency import uninterrupted
from worker.storage.opening import opening
from worker.storage.session import Driver, Session
from worker.telemetry.logs import Action, get_logger

if TYPE_CHECKING:
    from sqlalchemy.pool import QueuePool

__all__ = [
    "READING_WHOLE_TABLES",
    "Database",
    "Transactions",
    "Work",
    "is_data_error",
    "is_transient",
    "open_database",
]

Result = TypeVar("Result")
Work = Callable[[Session], Awaitable[Result]]

CONNECT_TIMEOUT_SECONDS: Final = 5
COMMAND_TIMEOUT_SECONDS: Final = 40
"""A silent peer would hang the driver for ever; this also outlives the timeouts of the server: that
of the lock that a fence takes, and that of the first statement, which is waited for together."""
SERVER_SETTINGS: Final = {
    "application_name": "activation-worker",
    # Whoever has waited for a lock must see what its holder stored, whatever the role's default is.
    "default_transaction_isolation": "read committed",
    # Compiling small statements costs more than it saves.
    "jit": "off",
    # Each statement is planned once in a session: planned for each batch, it takes longer to plan
    # than to run. So the plan must hold for tables that were empty when it was made, and it does
    # where it goes by the indexes: one that read whole tables was forty times as slow soon after.
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_mergejoin": "off",
    "enable_hashjoin": "off",
    "statement_timeout": "20s",
    "lock_timeout": "10s",
    # A worker that is frozen in the middle of a transaction holds its locks no longer than this,
    # unless it is frozen while it prepares a statement: then no timeout of the server applies.
    "idle_in_transaction_session_timeout": "10s",
}
READING_WHOLE_TABLES: Final = """
SET LOCAL plan_cache_mode = auto; SET LOCAL enable_seqscan = on; SET LOCAL enable_mergejoin = on;
SET LOCAL enable_hashjoin = on;
"""
"""Begins a transaction that does: what is right for the few rows of a batch is wrong for it."""
POOL_CONNECTIONS: Final = 33
"""Opened when first needed. One lane needs nine at most: the session of the worker, two intakes,
two for the relay, the pruning, and three for those who ask over HTTP. Each further one needs three.
Three more may be at hand. From the ninth lane in one worker on, some wait for others.
"""
AT_HAND_CONNECTIONS: Final = 3
"""So many stay taken from the pool while nobody uses them: without that a lone command took a tenth
longer, 9.4 in place of 8.5 ms."""
NOT_FENCED: Final = "a work with a fence has asked nothing, so the fence was not asked either"
RETRY_FIRST_SECONDS: Final = 0.05
RETRY_LONGEST_SECONDS: Final = 5.0

DATA_ERROR_CLASSES: Final = frozenset({"21", "22", "23", "54"})
"""SQLSTATE classes that say: this value can never be stored (54: too long for an index)."""
UNIQUE_VIOLATION: Final = "23505"
READ_ONLY: Final = "25006"
"""This server is the primary no more; a new connection may find the one that is."""
TRANSIENT_CLASSES: Final = frozenset({"08", "25", "40", "53", "55", "57", "58", "XX"})
"""SQLSTATE classes that say: not now (connection, rollback, resources, locks, shutdown, I/O).

XX is an internal error: so PostgreSQL reports a file that an exceeded quota keeps from growing.
Whatever else it may be, it is the server's trouble, and no command may be put away for it."""
TRANSIENT_STATES: Final = frozenset({UNIQUE_VIOLATION, "0A000"})
"""A unique violation means that another worker was faster: deciding again finds what it left.
0A000 is a cached plan that a migration made stale; the next transaction plans anew."""
CONNECTION_FAILURES: Final = (
    OSError,
    TimeoutError,
    PoolTimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What says of a connection that it is gone, or does not answer. The last is what the driver says
of a session that the server ended while nothing was asked."""


def _state_of(error: BaseException) -> str:
    source = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(source, "sqlstate", None) or "")


def is_transient(error: BaseException) -> bool:
    """Whether the same transaction may succeed later, unchanged.

    By SQLSTATE and the state of the connection, never by text. A refused connection is a bare
    `OSError`, and asyncpg's word for a value that it cannot encode is a `ValueError` too.
    """
    if isinstance(error, CONNECTION_FAILURES):
        return not isinstance(error, ValueError)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    state = _state_of(error)
    return state[:2] in TRANSIENT_CLASSES or state in TRANSIENT_STATES


def is_data_error(error: BaseException) -> bool:
    """Whether a value can never be stored, however often it is tried."""
    return _state_of(error)[:2] in DATA_ERROR_CLASSES and not is_transient(error)


async def _commit(driver: Driver) -> None:
    # After a statement that failed, PostgreSQL takes COMMIT for ROLLBACK, and says only so.
    if await driver.execute("COMMIT;") != "COMMIT":
        message = "work went on after a statement had failed: nothing was stored"
        raise AssertionError(message)


def _is_spoilt(driver: Driver, error: BaseException) -> bool:
    """Whether nobody can say what state a connection is in, or it leads to the wrong server."""
    return (
        driver.is_closed()
        or not isinstance(error, Exception)
        or isinstance(error, CONNECTION_FAILURES)
        or _state_of(error) == READ_ONLY
    )


class Transactions(Protocol):
    """Where work is stored in transactions."""

    @property
    def failures(self) -> int:
        """See `Database.failures`."""

    async def transact(self, work: Work[Result], *, retry_forever: bool = True) -> Result:
        """See `Database.transact`."""

    async def look(self, work: Work[Result]) -> Result:
        """The same for work that only reads."""


class Database:
    """The pool of connections. Safe to share between tasks."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.failures = 0
        """How many transactions have failed so far; some of them may have been stored."""
        self._lost = False
        self._at_hand: list[PoolProxiedConnection] = []

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session]:
        """A connection on which each statement is a transaction of its own."""
        async with self._connection() as driver:
            yield Session(driver)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[Driver]:
        pooled = await self._take_connection()
        driver: Driver = pooled.driver_connection
        try:
            yield driver
        except BaseException as error:
            # The pool does not see what happens here, and would give it to the next.
            if _is_spoilt(driver, error):
                pooled.invalidate()
            raise
        finally:
            if pooled.is_valid and self._may_stay_at_hand():
                self._at_hand.append(pooled)
            else:
                pooled.close()

    def _may_stay_at_hand(self) -> bool:
        # Whoever waits for the pool is woken only by what is given back to it.
        taken = cast("QueuePool", self.engine.pool).checkedout()
        return len(self._at_hand) < AT_HAND_CONNECTIONS and taken < POOL_CONNECTIONS

    async def _take_connection(self) -> PoolProxiedConnection:
        while True:
            pooled = self._at_hand.pop() if self._at_hand else await self._take_from_pool()
            driver: Driver = pooled.driver_connection
            if not driver.is_closed():
                return pooled
            # The server restarted while nobody used it.
            pooled.invalidate()
            pooled.close()

    async def _take_from_pool(self) -> PoolProxiedConnection:
        try:
            return await self.engine.raw_connection()
        except EmulatedDBAPIException as error:
            # What the driver raised is what failures are told by.
            raise (error.orig or error) from None

    async def close(self) -> None:
        """Ends all connections that nobody uses."""
        while self._at_hand:
            self._at_hand.pop().close()
        await self.engine.dispose()

    @asynccontextmanager
    async def own_session(self) -> AsyncIterator[Session]:
        """The same, and nobody gets it afterwards: its settings and its locks end with it."""
        if self._at_hand:
            # Where all others are in use, the pool has none but this one to give.
            self._at_hand.pop().close()
        async with self.engine.connect() as pooled:
            try:
                yield Session((await pooled.get_raw_connection()).driver_connection)
            finally:
                await pooled.invalidate()

    @asynccontextmanager
    async def transaction(self, first: str = "") -> AsyncIterator[Session]:
        """One transaction: committed at the end, rolled back by an exception.

        `first` is SQL without parameters that travels with its beginning.
        """
        async with self._transaction() as session:
            await session.driver.execute(f"BEGIN;{first}")
            yield session

    @asynccontextmanager
    async def _fenced(self, fence: str) -> AsyncIterator[Session]:
        """The same, begun with its first statement, which must have parameters."""
        async with self._transaction(opening("BEGIN", fence)) as session:
            yield session
            if not session.has_begun:
                raise AssertionError(NOT_FENCED)

    @asynccontextmanager
    async def _transaction(self, ahead: bytes = b"") -> AsyncIterator[Session]:
        async with self._connection() as driver:
            try:
                yield Session(driver, ahead)
                await _commit(driver)
            except BaseException as error:
                if ahead and not driver.is_in_transaction():
                    # The first statement was not sent, and what went ahead of it may have been: a
                    # server that has refused that would not answer to ROLLBACK.
                    driver.terminate()
                if not _is_spoilt(driver, error):
                    await driver.execute("ROLLBACK;")
                raise

    async def transact(
        self, work: Work[Result], *, retry_forever: bool = True, fence: str = ""
    ) -> Result:
        """The result of the work, in one transaction that is tried until it commits.

        Work may run several times, and a lost answer to COMMIT runs it once more after it had
        been stored: it must find out for itself what is already there. Raises what is not
        transient; without patience also what is, for one who has something smaller to try.
        A fence is SQL that fails where the work must not be stored, and finds no rows. The work
        must ask something then, and its first statement must have parameters: see `opening`.
        """

        async def transact() -> Result:
            async with self._fenced(fence) if fence else self.transaction() as session:
                return await work(session)

        return await self._until_done(transact, retry_forever=retry_forever)

    async def look(self, work: Work[Result]) -> Result:
        """The same for work that only reads: each of its statements sees its own moment."""

        async def read() -> Result:
            async with self.session() as session:
                return await work(session)

        return await self._until_done(read, retry_forever=True)

    async def _until_done(
        self, once: Callable[[], Coroutine[None, None, Result]], *, retry_forever: bool
    ) -> Result:
        backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS)
        while True:
            try:
                # Cancelling a commit is no rollback: seven of ten cancelled ones had been stored.
                # So one that has begun is waited for; the timeouts above bound the wait.
                result = await uninterrupted(once())
            except Exception as error:
                if not is_transient(error):
                    raise
                self._note_lost(error)
                if not retry_forever:
                    raise
                await asyncio.sleep(backoff.pause_seconds())
            else:
                self._note_back()
                return result

    def _note_lost(self, error: Exception) -> None:
        self.failures += 1
        if not self._lost:
            reason = str(error).split("\n")[0] or type(error).__name__
            get_logger().warning(Action.DATABASE_LOST, reason=reason)
        self._lost = True

    def _note_back(self) -> None:
        if self._lost:
            get_logger().info(Action.DATABASE_RECOVERED)
        self._lost = False


@asynccontextmanager
async def open_database(url: str) -> AsyncIterator[Database]:
    """A pool of connections to the database at the URL; connects when first used."""

    async def connect() -> asyncpg.Connection:
        connection = await asyncpg.connect(
            url.replace("+asyncpg", "", 1),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            server_settings=SERVER_SETTINGS,
            # Kept as long as the session: it would be prepared anew every five minutes.
            max_cached_statement_lifetime=0,
        )
        _keep_alive(connection)
        return connection

    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=POOL_CONNECTIONS,
        max_overflow=0,
        # The one that was used last has its statements planned, and its server's caches warm.
        pool_use_lifo=True,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
    )
    database = Database(engine)
    try:
        yield database
    finally:
        await database.close()


def _keep_alive(connection: asyncpg.Connection) -> None:
    # asyncpg sets no keepalive: a firewall that forgets the connection would leave it half open.
    transport: asyncio.Transport = connection._transport  # noqa: SLF001 -- there is no public way
    peer = transport.get_extra_info("socket")
    if peer is not None and peer.family != socket.AF_UNIX:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3)
