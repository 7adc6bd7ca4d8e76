"""Each post is held by one worker at a time; all that are connected share the posts."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeVar

import asyncpg
from sqlalchemy.exc import DBAPIError

from worker.core.lanes import rank_of, share
from worker.storage.engine import Database, Work
from worker.storage.errors import CONNECTION_FAILURES, LeadershipLost, is_transient
from worker.storage.lanes import Lanes, load_lanes
from worker.storage.locks import POST
from worker.storage.session import Row, Session

__all__ = ["MEMBER", "Leadership", "LeadershipLost", "Membership", "View", "joined"]

Result = TypeVar("Result")

MEMBER: Final = -2
"""In place of a post: the lock that every worker shares that takes part."""
LOOKS_PER_SILENCE: Final = 3
TRY_AGAIN_SECONDS: Final = 0.5
GIVE_UP_ATTEMPTS: Final = 10
FAILURES: Final = (*CONNECTION_FAILURES, DBAPIError, asyncpg.PostgresError)
TERM_IS_OVER: Final = "AW001"
"""The SQLSTATE of `require_term`."""


class Leadership:
    """The term that was begun with the lock of a post.

    The lock of the post says who may begin; the term fences off who has not noticed that it is
    over. Whoever begins the next waits a second for what is under way in it, and then ends that.
    """

    def __init__(self, database: Database, post: int) -> None:
        self._database = database
        self.post = post
        self.term: int | None = None

    async def transact(self, work: Work[Result], *, retry_forever: bool = True) -> Result:
        """Like `Database.transact` with a fence: this term lasts, or `LeadershipLost` is raised."""
        fence = f"CALL require_term({self.post}, {self.term})"
        try:
            return await self._database.transact(work, retry_forever=retry_forever, fence=fence)
        except asyncpg.PostgresError as error:
            if error.sqlstate == TERM_IS_OVER:
                raise LeadershipLost(str(error)) from error
            raise

    async def read(self, work: Work[Result]) -> Result:
        """For work that only reads, in whoever's term: nothing is stored in a wrong one."""
        return await self._database.read(work)


@dataclass(frozen=True, slots=True)
class View:
    """What a worker sees when it looks around."""

    lanes: Lanes
    members: int
    """How many workers share the posts."""
    rank: int | None
    """The place of this one among them; None where it takes no part any more."""
    taken: frozenset[int]
    """The posts that somebody holds."""

    def quota(self, posts: int) -> int:
        """How many of so many posts are for this worker."""
        return 0 if self.rank is None else share(posts, self.members, self.rank)


class Membership:
    """A worker that takes part: a database session of its own, with a lock for each of its posts.

    PostgreSQL itself ends the session of a worker that is frozen or cut off, and so frees its posts
    for the others.
    """

    def __init__(self, database: Database, silence_maximum_seconds: float) -> None:
        self._database = database
        self._silence_maximum_seconds = silence_maximum_seconds
        self._session: Session | None = None
        self._ending = contextlib.AsyncExitStack()
        self.posts: dict[int, Leadership] = {}
        """What it holds."""
        self.pause_seconds = min(TRY_AGAIN_SECONDS, silence_maximum_seconds / LOOKS_PER_SILENCE)
        """So often it has to look: that keeps its session alive."""
        self._retired = False

    async def look(self) -> View:
        """Looks around, and so shows that it lives.

        A session that was lost is begun anew, with all that it held. Raises `LeadershipLost` where
        another worker has one of its posts, or the database is out of reach for too long; and what
        happened, where it held nothing.
        """
        try:
            return await self._seen()
        except FAILURES as error:
            if not self.posts or not is_transient(error):
                raise
        return await self._look_again()

    async def take(self, posts: Iterable[int], at_most: int) -> None:
        """Begins a term of so many of the posts, of those that no other worker holds."""
        session = await self._opened()
        taken: list[Leadership] = []
        for post in posts:
            if len(taken) < at_most and await _locked(session, post):
                taken.append(Leadership(self._database, post))
        await _begin_terms(session, taken)
        self.posts.update({leadership.post: leadership for leadership in taken})

    async def release(self, post: int) -> None:
        """Hands the post on."""
        self.posts.pop(post, None)
        with contextlib.suppress(*FAILURES):
            session = await self._opened()
            await session.driver.execute("SELECT pg_advisory_unlock($1)", _lock_of(post))

    async def withdraw(self) -> None:
        """Takes no further part: the others share out what it hands on, one by one."""
        if not self._retired:
            self._retired = True
            with contextlib.suppress(*FAILURES):
                session = await self._opened()
                await session.driver.execute(
                    "SELECT pg_advisory_unlock_shared($1)", _lock_of(MEMBER)
                )

    async def leave(self) -> None:
        """Ends the session, and with it all that it held."""
        self._session = None
        with contextlib.suppress(*FAILURES):
            await self._ending.aclose()

    async def _seen(self) -> View:
        session = await self._opened()
        async with asyncio.timeout(self._silence_maximum_seconds / LOOKS_PER_SILENCE):
            lanes = await load_lanes(session)
            found = await session.fetch("who_works", lock=POST)
        return _view(lanes, found)

    async def _look_again(self) -> View:
        # After a restart of the database the old leader still holds deliveries: it comes first,
        # before those who stand by, and steps down only if one of them really leads.
        refused, lost_at = 0, monotonic()
        # Cut off from the database alone, it must not keep the commands that the next leader needs.
        while refused < GIVE_UP_ATTEMPTS and monotonic() - lost_at < self._silence_maximum_seconds:
            await self.leave()
            try:
                if await self._taken_back():
                    return await self._seen()
                refused += 1
            except FAILURES as error:
                if not is_transient(error):
                    raise
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        raise LeadershipLost("another worker holds the lock, or the database is out of reach")

    async def _taken_back(self) -> bool:
        session = await self._opened()
        for leadership in self.posts.values():
            if not await _locked(session, leadership.post):
                await _require_unfollowed(session, leadership)
                return False
        await _begin_terms(session, self.posts.values())
        return True

    async def _opened(self) -> Session:
        if self._session is None:
            await self._ending.aclose()
            session = await self._ending.enter_async_context(self._database.own_session())
            milliseconds = int(self._silence_maximum_seconds * 1000)
            await session.driver.execute(f"SET idle_session_timeout = {milliseconds}")
            if not self._retired:
                await session.driver.execute("SELECT pg_advisory_lock_shared($1)", _lock_of(MEMBER))
            self._session = session
        return self._session


async def _locked(session: Session, post: int) -> bool:
    return bool(await session.driver.fetchval("SELECT pg_try_advisory_lock($1)", _lock_of(post)))


async def _require_unfollowed(session: Session, leadership: Leadership) -> None:
    term = await session.driver.fetchval(
        "SELECT term FROM leadership WHERE lane = $1", leadership.post
    )
    if term != leadership.term:
        message = f"term {leadership.term} is over: another worker has begun term {term}"
        raise LeadershipLost(message)


async def _begin_terms(session: Session, taken: Collection[Leadership]) -> None:
    # Together: what frozen leaders have under way is waited for once, and not post by post.
    begun = await session.fetch(
        "take_lead",
        lanes=[leadership.post for leadership in taken],
        terms=[leadership.term for leadership in taken],
    )
    terms = {row["lane"]: row["term"] for row in begun}
    for leadership in taken:
        leadership.term = terms.get(leadership.post, leadership.term)


def _view(lanes: Lanes, found: Sequence[Row]) -> View:
    members = [row for row in found if row["post"] == MEMBER]
    taken = [row for row in found if row["post"] != MEMBER]
    held = [sum(post["pid"] == member["pid"] for post in taken) for member in members]
    mine = [place for place, member in enumerate(members) if member["is_mine"]]
    rank = rank_of(mine[0], held) if mine else None
    return View(lanes, len(members), rank, frozenset(row["post"] for row in taken))


def _lock_of(post: int) -> int:
    # One key and not two: so lane 0 has the lock that earlier versions know.
    return (post << 32) + POST


@asynccontextmanager
async def joined(database: Database, silence_maximum_seconds: float) -> AsyncIterator[Membership]:
    """Takes part until the end, or after so long a silence."""
    member = Membership(database, silence_maximum_seconds)
    try:
        yield member
    finally:
        await member.leave()
