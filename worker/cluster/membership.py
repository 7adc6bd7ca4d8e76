"""Shares the assignments out among the workers; one worker holds each at a time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from time import monotonic
from typing import Final, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from worker.cluster.intake import Intake
from worker.core.partitions import quota, rank_of
from worker.storage.connecting.engine import Database, Work
from worker.storage.connecting.errors import CONNECTION_FAILURES, LeadershipLost, is_transient
from worker.storage.connecting.session import Row, Session
from worker.storage.leadership import (
    TERM_IS_OVER,
    begin_terms,
    current_terms,
    fence_of,
)
from worker.storage.locks import MEMBER, PARTITION, partition_lock
from worker.storage.partitions import LONG_AGO, load_partitions
from worker.telemetry.logs import Action, get_logger

__all__ = ["Leadership", "Membership", "View", "joined"]

Result = TypeVar("Result")

POLLS_PER_SILENCE: Final = 3
RETRY_SECONDS: Final = 0.5
REGAIN_ATTEMPTS: Final = 10
FAILURES: Final = (*CONNECTION_FAILURES, DBAPIError, asyncpg.PostgresError)


class Leadership:
    """The term that began with the lock of a partition, or of the router.

    The lock decides which worker may begin a term. The term is the fence: PostgreSQL refuses the
    transactions of a worker whose term is over. The next leader waits a second for open
    transactions of the former one, and then ends them.
    """

    def __init__(
        self, database: Database, membership: "Membership", partition: int, term: int
    ) -> None:
        self._database = database
        self._membership = membership
        self.partition: Final = partition
        self.term: Final = term

    @property
    def results_read_until(self) -> datetime:
        """The time until which the router's worker has counted all PBX results."""
        return self._membership.results_read_until

    @property
    def intake(self) -> Intake:
        """Whether commands are taken."""
        return self._membership.intake

    async def transact(self, work: Work[Result], *, retry_forever: bool = True) -> Result:
        """Like `Database.transact`, with a fence: raises `LeadershipLost` if this term is over."""
        fence = fence_of(self.partition, self.term)
        try:
            return await self._database.transact(work, retry_forever=retry_forever, fence=fence)
        except asyncpg.PostgresError as error:
            if error.sqlstate == TERM_IS_OVER:
                raise LeadershipLost(str(error)) from error
            raise

    async def read(self, work: Work[Result]) -> Result:
        """Like `Database.read`: reading needs no fence."""
        return await self._database.read(work)

    def session(self) -> AbstractAsyncContextManager[Session]:
        """Like `Database.session`: reading needs no fence."""
        return self._database.session()


@dataclass(frozen=True, slots=True)
class View:
    """The members and what they hold, as a worker sees them."""

    members: int
    """The number of workers that share the assignments."""
    rank: int | None
    """The rank of this worker among them, from 0; None once it has withdrawn."""
    taken: frozenset[int]
    """The partitions, and the router, that some worker holds."""

    def quota(self, assignments: int) -> int:
        """How many of this number of assignments this worker may hold."""
        return 0 if self.rank is None else quota(assignments, self.members, self.rank)


class Membership:
    """The database session of this worker, with a lock for each assignment that it holds.

    PostgreSQL ends the session of a worker that is frozen or cut off. That releases its locks, and
    other workers acquire its assignments.
    """

    def __init__(self, database: Database, silence_maximum_seconds: float, intake: Intake) -> None:
        self._database = database
        self._silence_maximum_seconds = silence_maximum_seconds
        self._session: Session | None = None
        self._closing = contextlib.AsyncExitStack()
        self._withdrawn = False
        self.held: dict[int, Leadership] = {}
        """The leaderships of this worker, by partition."""
        self.poll_seconds: Final = min(RETRY_SECONDS, silence_maximum_seconds / POLLS_PER_SILENCE)
        """The longest pause between polls; each poll keeps the session alive."""
        self.intake: Final = intake
        """Told by each poll whether commands are taken."""
        self.results_read_until = LONG_AGO
        """The value that the last poll has read."""

    async def join(self) -> None:
        """Becomes a member; waits while the number of partitions is being changed."""
        session = await self._open_session()
        is_logged = False
        while not await _locks_shared(session):
            if not is_logged:
                get_logger().warning(Action.WORKER_WAITING_FOR_REPARTITION)
                is_logged = True
            await asyncio.sleep(self.poll_seconds)
        self._session = session

    async def poll(self) -> View:
        """Reads the members and what they hold; keeps this worker's session alive.

        Opens a lost session again and takes all its locks again. Raises `LeadershipLost` if another
        worker holds one of them or has held it since, or if PostgreSQL is out of reach for too
        long. Raises the failure itself if this worker holds nothing.
        """
        try:
            with self._database.classified():
                return await self._poll()
        except FAILURES as error:
            if not self.held or not is_transient(error):
                raise
        return await self._poll_again()

    async def acquire(self, partitions: Iterable[int], at_most: int) -> None:
        """Begins a term of `at_most` of these partitions, leaving out those that are held."""
        session = self._require_session()
        locked: list[int] = []
        with self._database.classified():
            for partition in partitions:
                if len(locked) < at_most and await _locks(session, partition):
                    locked.append(partition)
            terms = await begin_terms(session, locked)
        for partition in locked:
            self.held[partition] = Leadership(self._database, self, partition, terms[partition])

    async def release(self, partition: int) -> None:
        """Releases the partition: another worker may acquire it."""
        self.held.pop(partition, None)
        await self._unlock("SELECT pg_advisory_unlock($1)", partition)

    async def withdraw(self) -> None:
        """Ends the membership; this worker still holds its partitions until it releases them."""
        if not self._withdrawn:
            self._withdrawn = True
            await self._unlock("SELECT pg_advisory_unlock_shared($1)", MEMBER)

    async def leave(self) -> None:
        """Ends the session, and with it all locks."""
        self._session = None
        with contextlib.suppress(*FAILURES):
            await self._closing.aclose()

    async def _unlock(self, query: str, partition: int) -> None:
        # A lost session has lost its locks too.
        if self._session is not None:
            with contextlib.suppress(*FAILURES):
                await self._session.driver.execute(query, partition_lock(partition))

    async def _poll(self) -> View:
        session = self._require_session()
        async with asyncio.timeout(self._silence_maximum_seconds / POLLS_PER_SILENCE):
            state = await load_partitions(session)
            self._database.clock.observe(state.now)
            rows = await session.fetch("list_workers", lock=PARTITION)
        self.results_read_until = state.results_read_until
        self.intake.observe(state.pause)
        return _view(rows)

    async def _poll_again(self) -> View:
        # After a restart of PostgreSQL the former leader still holds deliveries. So it tries again
        # to get its locks, and steps down only if another worker leads.
        refused, lost_at = 0, monotonic()
        # A worker that is cut off from PostgreSQL alone must not keep the deliveries: the next
        # leader needs them.
        while refused < REGAIN_ATTEMPTS and monotonic() - lost_at < self._silence_maximum_seconds:
            try:
                with self._database.classified():
                    if await self._regains():
                        return await self._poll()
                refused += 1
            except FAILURES as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(RETRY_SECONDS)
        raise LeadershipLost("another session holds a lock, or the database is out of reach")

    async def _regains(self) -> bool:
        """Opens a new session; whether it got all locks of the former one.

        Raises `LeadershipLost` if one of the terms is over.
        """
        session = await self._open_session()
        locked = self._withdrawn or await _locks_shared(session)
        for partition in self.held:
            locked = locked and await _locks(session, partition)
        terms = await current_terms(session, self.held)
        for partition, leadership in self.held.items():
            if terms[partition] < leadership.term:
                raise LeadershipLost(
                    f"PostgreSQL has term {terms[partition]}, and this worker began term"
                    f" {leadership.term} there: commits are missing, as after a failover to a"
                    " server that was behind"
                )
            if terms[partition] != leadership.term:
                raise LeadershipLost(
                    f"term {leadership.term} is over: another worker has begun term"
                    f" {terms[partition]}"
                )
        if locked:
            self._session = session
        return locked

    async def _open_session(self) -> Session:
        await self.leave()
        session = await self._closing.enter_async_context(self._database.own_session())
        milliseconds = int(self._silence_maximum_seconds * 1000)
        await session.driver.execute(f"SET idle_session_timeout = {milliseconds}")
        return session

    def _require_session(self) -> Session:
        if self._session is None:
            raise ConnectionError("this worker has no session as a member")
        return self._session


async def _locks_shared(session: Session) -> bool:
    query = "SELECT pg_try_advisory_lock_shared($1)"
    return bool(await session.driver.fetchval(query, partition_lock(MEMBER)))


async def _locks(session: Session, partition: int) -> bool:
    query = "SELECT pg_try_advisory_lock($1)"
    return bool(await session.driver.fetchval(query, partition_lock(partition)))


def _view(rows: Sequence[Row]) -> View:
    members = [row for row in rows if row["partition"] == MEMBER]
    taken = [row for row in rows if row["partition"] != MEMBER]
    held = [sum(row["pid"] == member["pid"] for row in taken) for member in members]
    mine = [place for place, member in enumerate(members) if member["is_mine"]]
    rank = rank_of(mine[0], held) if mine else None
    return View(len(members), rank, frozenset(row["partition"] for row in taken))


@asynccontextmanager
async def joined(
    database: Database, silence_maximum_seconds: float, intake: Intake
) -> AsyncIterator[Membership]:
    """A membership until the end; PostgreSQL ends it after a silence of this length."""
    membership = Membership(database, silence_maximum_seconds, intake)
    try:
        await membership.join()
        yield membership
    finally:
        await membership.leave()
