"""Each partition has one leader, and PostgreSQL refuses the transactions of a former one."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest

from tests.support.data.inserts import phone_numbers
from tests.support.faults.lossy import broker_proxy, until
from tests.support.faults.proxy import Proxy
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.cluster.intake import Intake
from worker.cluster.membership import Leadership, Membership, joined
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.errors import LeadershipLost
from worker.storage.connecting.session import Session
from worker.storage.locks import MEMBER, PARTITION, partition_lock
from worker.storage.locks import TERM as TERM_LOCK
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

__all__ = ["broker_proxy"]

TERM = "SELECT term FROM leadership"
NUMBER = "+442079460000"
END_SESSION = f"""SELECT pg_terminate_backend(pid) FROM pg_locks
    WHERE locktype = 'advisory' AND objid = {PARTITION}
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
STORE = "INSERT INTO poison_attempts VALUES ($1, 'digest', 1, now())"
LET_IDLE = "SELECT set_config('idle_in_transaction_session_timeout', '0', true)"
POLLS_SECONDS = 1.5
"""Within this time a worker polls more than once."""


def intake() -> Intake:
    """Open, for a worker of its own."""
    return Intake(Reporter(Metrics()))


@asynccontextmanager
async def leading(database: Database) -> AsyncIterator[Leadership]:
    async with joined(database, 10, intake()) as member:
        yield await led(member)


async def led(member: Membership) -> Leadership:
    """Acquires partition 0."""
    async with asyncio.timeout(20):
        while not member.held:
            await member.acquire([0], 1)
            await asyncio.sleep(0.05)
    return member.held[0]


async def nothing(session: Session) -> None:
    """Reads, and stores nothing."""
    await session.fetch("find_attempts", queue="", digests=[])


def writing(mark: str) -> Callable[[Session], Awaitable[None]]:
    async def write(session: Session) -> None:
        await session.driver.execute(STORE, mark)

    return write


async def end_session(database: Database) -> None:
    """Ends the session of the leader, as the server does with a frozen one."""
    await rows(database, END_SESSION)


async def until_waiting(database: Database) -> None:
    """Waits until a transaction waits for a lock."""
    while not await rows(database, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        await asyncio.sleep(0.02)


async def test_a_former_leader_cannot_commit(database: Database, database_url: str) -> None:
    async with leading(database) as former:
        await former.transact(writing("former"))
        await end_session(database)
        async with open_database(database_url) as other, leading(other) as present:
            await present.transact(writing("present"))
            with pytest.raises(LeadershipLost):
                await former.transact(writing("too late"))

    assert await rows(database, "SELECT queue FROM poison_attempts ORDER BY queue") == [
        ("former",),
        ("present",),
    ]


async def test_the_next_term_waits_for_the_open_transaction_of_the_former_leader(
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
        successor = leading(other)
        taking_over = asyncio.create_task(successor.__aenter__())
        await until_waiting(database)
        assert not taking_over.done()
        go_on.set()
        await storing
        present = await taking_over
        assert await rows(database, "SELECT queue FROM poison_attempts") == [("former",)]
        await present.transact(nothing)
        await successor.__aexit__(None, None, None)


async def test_the_next_term_ends_the_transactions_of_a_frozen_leader_of_two_partitions(
    database: Database, database_url: str
) -> None:
    await store(database, "INSERT INTO leadership (partition, term) VALUES (1, 0)")
    begun = {place: asyncio.Event() for place in range(4)}
    thawed = asyncio.Event()

    async def frozen(session: Session, place: int) -> None:
        await session.driver.execute(LET_IDLE)
        begun[place].set()
        await thawed.wait()
        await writing("former")(session)

    async with joined(database, 10, intake()) as former, open_database(database_url) as other:
        await former.acquire([0, 1], 2)
        storing = [
            asyncio.create_task(former.held[place % 2].transact(partial(frozen, place=place)))
            for place in begun
        ]
        for event in begun.values():
            await event.wait()
        await end_session(database)
        async with joined(other, 10, intake()) as successor:
            async with asyncio.timeout(20):
                while len(successor.held) < 2:
                    await successor.acquire({0, 1} - successor.held.keys(), 2)
            for present in successor.held.values():
                await present.transact(nothing)
            thawed.set()
            for task in storing:
                with pytest.raises(LeadershipLost):
                    await task

    assert {partition: lead.term for partition, lead in successor.held.items()} == {0: 2, 1: 2}
    assert not await rows(database, "SELECT FROM poison_attempts")


async def test_a_member_acquires_at_most_the_given_number_and_none_that_another_holds(
    database: Database, database_url: str
) -> None:
    await store(database, "INSERT INTO leadership (partition, term) VALUES (1, 0), (2, 0)")
    async with joined(database, 10, intake()) as one, open_database(database_url) as same:
        await one.acquire([0], 1)
        async with joined(same, 10, intake()) as other:
            await other.acquire([0, 1, 2], 1)

            assert (list(one.held), list(other.held)) == ([0], [1])


async def test_a_leader_whose_session_was_cut_continues_its_term(database: Database) -> None:
    async with joined(database, 10, intake()) as member:
        leadership = await led(member)
        before = await rows(database, TERM)
        await end_session(database)
        assert (await member.poll()).taken == {0}
        await leadership.transact(nothing)

        assert await rows(database, TERM) == before


async def test_a_leader_that_was_replaced_steps_down_at_its_next_poll(
    database: Database, database_url: str
) -> None:
    async with joined(database, 10, intake()) as former, open_database(database_url) as same:
        await led(former)
        await end_session(database)
        async with leading(same):
            with pytest.raises(LeadershipLost, match="another worker has begun term 2"):
                await former.poll()


async def test_a_leader_that_was_replaced_logs_a_lost_leadership_and_no_lost_broker(
    database: Database,
    settings: Settings,
    platform: Platform,
    capsys: pytest.CaptureFixture[str],
) -> None:
    await store(database, phone_numbers(NUMBER))
    async with (
        working(database, settings) as worker,
        database.own_session() as locking,
        database.own_session() as following,
    ):
        await until_leading(worker)
        # The worker waits in a transaction, and cannot step down at once.
        await locking.driver.execute("BEGIN; SELECT FROM phone_numbers FOR UPDATE")
        await platform.send("activate", NUMBER)
        await until_waiting(database)
        # In one statement: the worker must not poll in between.
        await following.driver.execute(
            f"{END_SESSION}; SELECT pg_advisory_lock({PARTITION});"
            "UPDATE leadership SET term = term + 1"
        )
        await asyncio.sleep(POLLS_SECONDS)
        await locking.driver.execute("ROLLBACK")
        async with asyncio.timeout(20):
            while worker.leads:
                await asyncio.sleep(0.02)
        await following.driver.execute(f"SELECT pg_advisory_unlock({PARTITION})")
        await until_leading(worker)
    log = capsys.readouterr().out

    assert "leadership_lost" in log
    assert "broker_lost" not in log


async def test_a_leader_whose_broker_session_ends_first_logs_a_lost_leadership_too(
    database: Database,
    settings: Settings,
    broker_proxy: Proxy,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Like a frozen leader, which finds its connections closed before it polls its membership.
    through = settings.model_copy(update={"amqp_urls": (broker_proxy.url,)})
    async with working(database, through) as worker:
        await until_leading(worker)
        broker_proxy.cut()
        await until(lambda: not worker.leads)
        await until_leading(worker)
    words = re.findall(r"leadership_\w+|broker_lost", capsys.readouterr().out)

    assert words == [
        *("leadership_gained", "leadership_lost", "broker_lost"),
        *("leadership_gained", "leadership_released"),
    ]


async def test_the_schema_locks_a_term_with_the_key_that_the_code_lists(
    database: Database,
) -> None:
    assert await rows(database, "SELECT lock_of_term(0)") == [(TERM_LOCK,)]


async def test_each_leadership_begins_a_new_term(database: Database) -> None:
    for _ in range(2):
        async with leading(database):
            pass

    assert await rows(database, TERM) == [(2,)]


async def test_all_tasks_of_a_former_term_end(
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

    assert (names["Assignments.run"], names["_relay"], names["consume"]) == (1, 1, 5)


async def test_a_worker_that_joins_waits_while_the_members_lock_is_held_exclusively(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    async with database.own_session() as changing:
        await changing.driver.execute("SELECT pg_advisory_lock($1)", partition_lock(MEMBER))
        joining = joined(database, 10, intake())
        waiting = asyncio.create_task(joining.__aenter__())
        await asyncio.sleep(POLLS_SECONDS)
        assert not waiting.done()
    async with asyncio.timeout(10):
        await waiting
    await joining.__aexit__(None, None, None)

    assert capsys.readouterr().out.count("waiting_for_repartition") == 1


async def test_a_leader_that_lost_its_session_to_a_repartition_steps_down(
    database: Database,
) -> None:
    async with joined(database, 2, intake()) as member:
        await led(member)
        async with database.own_session() as changing:
            await end_session(database)
            await changing.driver.execute("SELECT pg_advisory_lock($1)", partition_lock(MEMBER))
            with pytest.raises(LeadershipLost, match="another session holds a lock"):
                await member.poll()


async def test_a_leader_says_that_the_database_lacks_commits(database: Database) -> None:
    async with joined(database, 10, intake()) as former:
        await led(former)
        # As after a failover to a server that was behind.
        await store(database, "UPDATE leadership SET term = term - 1")
        await end_session(database)
        with pytest.raises(LeadershipLost, match="commits are missing"):
            await former.poll()
