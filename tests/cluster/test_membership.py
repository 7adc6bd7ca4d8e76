"""One leader, and no word of a former one counts."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.cluster.membership import Leadership, Membership, joined
from worker.settings import Settings
from worker.storage.engine import Database, open_database
from worker.storage.errors import LeadershipLost
from worker.storage.locks import POST
from worker.storage.locks import TERM as TERM_LOCK
from worker.storage.session import Session

TERM = "SELECT term FROM leadership"
NUMBER = "+442079460000"
END_SESSION = f"""SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND objid = {POST}
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
STORE = "INSERT INTO suspects VALUES ($1, 'digest', 1, now())"
LET_IDLE = "SELECT set_config('idle_in_transaction_session_timeout', '0', true)"
LOOKS_SECONDS = 1.5
"""In which a worker looks around more than once."""


@asynccontextmanager
async def leading(database: Database) -> AsyncIterator[Leadership]:
    async with joined(database, 10) as member:
        yield await led(member)


async def led(member: Membership) -> Leadership:
    async with asyncio.timeout(20):
        while not member.posts:
            await member.take([0], 1)
            await asyncio.sleep(0.05)
    return member.posts[0]


async def nothing(session: Session) -> None:
    """Stores nothing."""
    await session.fetch("find_suspects", queue="", digests=[])


def writing(mark: str) -> Callable[[Session], Awaitable[None]]:
    async def write(session: Session) -> None:
        await session.driver.execute(STORE, mark)

    return write


async def end_session(database: Database) -> None:
    """Ends the session that holds the lead, as the server does with one that was frozen."""
    await rows(database, END_SESSION)


async def until_waiting(database: Database) -> None:
    """Until a transaction waits for a lock."""
    while not await rows(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        await asyncio.sleep(0.02)


async def test_a_former_leader_can_store_nothing(database: Database, database_url: str) -> None:
    async with leading(database) as former:
        await former.transact(writing("former"))
        await end_session(database)
        async with open_database(database_url) as other, leading(other) as present:
            await present.transact(writing("present"))
            with pytest.raises(LeadershipLost):
                await former.transact(writing("too late"))

    assert await rows(database, "SELECT queue FROM suspects ORDER BY queue") == [
        ("former",),
        ("present",),
    ]


async def test_the_next_term_waits_for_what_the_former_leader_has_begun(
    database: Database, database_url: str
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(session: Session) -> None:
        await nothing(session)
        begun.set()
        await go_on.wait()
        await writing("former")(session)

    async with leading(database) as former, open_database(database_url) as other:
        storing = asyncio.create_task(former.transact(slow))
        await begun.wait()
        await end_session(database)
        next_one = leading(other)
        taking_over = asyncio.create_task(next_one.__aenter__())
        await until_waiting(database)
        assert not taking_over.done()
        go_on.set()
        await storing
        present = await taking_over
        assert await rows(database, "SELECT queue FROM suspects") == [("former",)]
        await present.transact(nothing)
        await next_one.__aexit__(None, None, None)


async def test_the_next_term_ends_what_a_frozen_leader_of_two_lanes_never_ends(
    database: Database, database_url: str
) -> None:
    await store(database, "INSERT INTO leadership (lane, term) VALUES (1, 0)")
    begun = {place: asyncio.Event() for place in range(4)}
    thawed = asyncio.Event()

    async def frozen(session: Session, place: int) -> None:
        await session.driver.execute(LET_IDLE)
        begun[place].set()
        await thawed.wait()
        await writing("former")(session)

    async with joined(database, 10) as former, open_database(database_url) as other:
        await former.take([0, 1], 2)
        storing = [
            asyncio.create_task(former.posts[place % 2].transact(partial(frozen, place=place)))
            for place in begun
        ]
        for event in begun.values():
            await event.wait()
        await end_session(database)
        async with joined(other, 10) as next_one:
            async with asyncio.timeout(20):
                while len(next_one.posts) < 2:
                    await next_one.take({0, 1} - next_one.posts.keys(), 2)
            for present in next_one.posts.values():
                await present.transact(nothing)
            thawed.set()
            for task in storing:
                with pytest.raises(LeadershipLost):
                    await task

    assert {post: lead.term for post, lead in next_one.posts.items()} == {0: 2, 1: 2}
    assert not await rows(database, "SELECT FROM suspects")


async def test_no_more_posts_are_taken_than_are_wanted_and_none_that_is_held(
    database: Database, database_url: str
) -> None:
    await store(database, "INSERT INTO leadership (lane, term) VALUES (1, 0), (2, 0)")
    async with joined(database, 10) as one, open_database(database_url) as same:
        await one.take([0], 1)
        async with joined(same, 10) as other:
            await other.take([0, 1, 2], 1)

            assert (list(one.posts), list(other.posts)) == ([0], [1])


async def test_a_leader_whose_session_was_cut_goes_on_in_its_term(database: Database) -> None:
    async with joined(database, 10) as member:
        leadership = await led(member)
        before = await rows(database, TERM)
        await end_session(database)
        assert (await member.look()).taken == {0}
        await leadership.transact(nothing)

        assert await rows(database, TERM) == before


async def test_a_leader_that_was_followed_steps_down_at_its_next_look(
    database: Database, database_url: str
) -> None:
    async with joined(database, 10) as former, open_database(database_url) as same:
        await led(former)
        await end_session(database)
        async with leading(same):
            with pytest.raises(LeadershipLost, match="another worker has begun term 2"):
                await former.look()


async def test_who_was_followed_says_so_and_not_that_the_broker_was_lost(
    database: Database,
    settings: Settings,
    platform: Platform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await store(
        database,
        "INSERT INTO phone_numbers (phone_number, site_id, account_id, status)"
        f" VALUES ('{NUMBER}', 'london', 'acme', 'RESERVED')",
    )
    async with (
        working(database, settings) as worker,
        database.own_session() as locking,
        database.own_session() as following,
    ):
        await until_leading(worker)
        # Its hands are full, and it cannot end at once.
        await locking.driver.execute("BEGIN; SELECT FROM phone_numbers FOR UPDATE")
        await platform.send("activate", NUMBER)
        await until_waiting(database)
        # In one go: it must not look in between.
        await following.driver.execute(
            f"{END_SESSION}; SELECT pg_advisory_lock({POST});UPDATE leadership SET term = term + 1"
        )
        await asyncio.sleep(LOOKS_SECONDS)
        await locking.driver.execute("ROLLBACK")
        async with asyncio.timeout(20):
            while worker.leads:
                await asyncio.sleep(0.02)
        await following.driver.execute(f"SELECT pg_advisory_unlock({POST})")
        await until_leading(worker)
    said = capsys.readouterr().out

    assert "leadership_lost" in said
    assert "broker_lost" not in said


async def test_the_lock_of_a_term_has_the_key_that_stands_with_the_others(
    database: Database,
) -> None:
    assert await rows(database, "SELECT lock_of_term(0)") == [(TERM_LOCK,)]


async def test_each_lead_is_a_term_of_its_own(database: Database) -> None:
    for _ in range(2):
        async with leading(database):
            pass

    assert await rows(database, TERM) == [(2,)]


async def test_nothing_of_a_former_lead_goes_on(
    database: Database, settings: Settings, platform: Platform
) -> None:
    async with working(database, settings) as worker:
        await until_leading(worker)
        await store(database, "UPDATE leadership SET term = term + 1")
        command = await platform.send("activate", "+442079460000")
        assert await platform.outcome(command) == ["NUMBER_UNKNOWN"]
        names = Counter(
            getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()
        )

    assert (names["Posts.run"], names["publish"], names["consume"]) == (1, 1, 2)
