"""Network faults in front of PostgreSQL: every command has one effect, and each event one id."""

import asyncio

import pytest

from tests.support.faults.lossy import (
    NUMBERS,
    SITE,
    assert_activated_once,
    until,
    until_any,
    until_none,
    working_through_proxies,
)
from tests.support.faults.proxy import Proxy
from tests.support.faults.traps import Delay, Lost, Trap
from tests.support.platform import Platform
from tests.support.workers import rows, store, until_leading, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.telemetry.process_counters import UNKNOWN_COMMITS

# The consumer's transaction stores the first, the relay's transaction the second.
PENDING, ACTIVE = b'"status":"PENDING"', b'"status":"ACTIVE"'
LEADERS = """SELECT 1 FROM pg_locks
    WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
LOCKING_NUMBERS = """SELECT 1 FROM pg_locks
    WHERE relation = 'phone_numbers'::regclass AND mode = 'RowShareLock'"""


def unknown_commits() -> float:
    """How many answers to a COMMIT this process has lost."""
    (metric,) = UNKNOWN_COMMITS.collect()
    return metric.samples[0].value


@pytest.mark.parametrize("lost", Lost)
@pytest.mark.parametrize("stored", [PENDING, ACTIVE])
async def test_a_lost_or_unanswered_commit_takes_effect_once(
    database: Database,
    lossy_settings: Settings,
    platform: Platform,
    database_proxy: Proxy,
    stored: bytes,
    lost: Lost,
) -> None:
    await store(database, *SITE)
    before = unknown_commits()
    async with working_through_proxies(lossy_settings):
        trap = database_proxy.set(Trap(lost, of="COMMIT", about=stored))
        command = await platform.send("activate", NUMBERS[0])
        await asyncio.wait_for(trap.sprung.wait(), 30)
        await assert_activated_once(platform, database, [command])

    assert len(platform.events) == 2, "published twice, although the broker was never away"
    assert unknown_commits() > before


async def test_a_batch_is_durable_although_its_commit_was_not_answered(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        trap = database_proxy.set(Trap(Lost.REPLY, of="COMMIT", about=PENDING))
        commands = [await platform.send("activate", NUMBERS[0])]
        await asyncio.wait_for(trap.sprung.wait(), 30)
        database_proxy.refuse()
        database_proxy.cut()
        stored = await rows(database, "SELECT command_id FROM commands")
        assert platform.events == [], "published before the commit was confirmed"
        await database_proxy.accept()
        await assert_activated_once(platform, database, commands)

    assert stored == [(commands[0],)]


async def test_relay_publishes_nothing_before_an_earlier_commit_is_answered(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        database_proxy.trap = late = Delay(of="COMMIT", about=ACTIVE)
        activation = await platform.send("activate", NUMBERS[0])
        await asyncio.wait_for(late.sprung.wait(), 30)
        # The lock is free and the number ACTIVE: the next command is decided and stored.
        deactivation = await platform.send("deactivate", NUMBERS[0])
        decided = f"SELECT 1 FROM commands WHERE command_id = '{deactivation}'"
        await until_none(database, f"SELECT 1 WHERE NOT EXISTS ({decided})")
        await asyncio.sleep(0.3)
        published_meanwhile = list(platform.events)
        late.arrives.set()
        assert await platform.outcome(deactivation) == ["PENDING", "RESERVED"]

    assert [event["data"]["command_id"] for event in published_meanwhile] == [activation]
    assert platform.outcome_so_far(activation) == ["PENDING", "ACTIVE"]
    assert [event["data"]["sequence"] for event in platform.events] == [1, 2, 3, 4]


async def test_worker_recovers_from_cut_database_connections_amid_many_commands(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        commands = [await platform.send("activate", number) for number in NUMBERS[:10]]
        await platform.until(lambda: platform.events)
        database_proxy.cut()
        commands += [await platform.send("activate", number) for number in NUMBERS[10:]]
        await assert_activated_once(platform, database, commands)


async def test_worker_recovers_from_a_database_that_refuses_connections(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        assert await rows(database, LEADERS) == [(1,)]
        database_proxy.refuse()
        database_proxy.cut()
        command = await platform.send("activate", NUMBERS[0])
        await until_none(database, LEADERS)
        await database_proxy.accept()
        await assert_activated_once(platform, database, [command])


async def test_worker_waits_at_its_start_for_an_unreachable_database(
    database: Database,
    lossy_settings: Settings,
    platform: Platform,
    database_proxy: Proxy,
    broker_proxy: Proxy,
) -> None:
    await store(database, *SITE)
    database_proxy.refuse()
    command = await platform.send("activate", NUMBERS[0])
    async with (
        open_database(lossy_settings.database_url, waits=True) as far_away,
        working(far_away, lossy_settings) as worker,
    ):
        await until(lambda: far_away.failure)
        assert (worker.leads, broker_proxy.accepted) == (False, 0)
        await database_proxy.accept()
        await until_leading(worker)
        await assert_activated_once(platform, database, [command])


async def test_worker_waits_for_a_database_that_freezes_for_a_moment(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    without_sweep = lossy_settings.model_copy(update={"sweep_interval_seconds": 3600})
    async with working_through_proxies(without_sweep):
        database_proxy.freeze()
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await until(lambda: database_proxy.kept_back)
        assert platform.events == []
        database_proxy.thaw()
        await assert_activated_once(platform, database, commands)


@pytest.mark.campaign
async def test_worker_leads_again_after_a_frozen_database_without_new_commands(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        assert await rows(database, LEADERS) == [(1,)]
        database_proxy.freeze()
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await until_none(database, LEADERS)
        database_proxy.thaw()
        await assert_activated_once(platform, database, commands)
        assert len(await rows(database, LEADERS)) == 1


@pytest.mark.campaign
async def test_standby_takes_over_from_a_leader_that_is_cut_off_from_the_database(
    database: Database,
    settings: Settings,
    lossy_settings: Settings,
    platform: Platform,
    database_proxy: Proxy,
) -> None:
    await store(database, *SITE)
    quick = {"leader_silence_maximum_seconds": 1}
    async with working_through_proxies(lossy_settings.model_copy(update=quick)) as leader:
        async with working(database, settings.model_copy(update=quick)) as standby:
            database_proxy.freeze()
            await until_leading(standby)
            command = await platform.send("activate", NUMBERS[0])
            await assert_activated_once(platform, database, [command])
            assert leader.leads, "the leader has already detected its loss"
        database_proxy.thaw()


async def test_server_ends_a_frozen_transaction_and_worker_repeats_it(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    async with working_through_proxies(lossy_settings):
        # Freezes later: while a statement is prepared, no timeout of the server applies.
        locking = database_proxy.set(Trap(Lost.REPLY, 0, about=NUMBERS[0].encode()))
        database_proxy.slow(0.01)
        command = await platform.send("activate", NUMBERS[0])
        await until(lambda: locking.passed)
        database_proxy.freeze()
        await until_any(database, LOCKING_NUMBERS)
        # The server ends the transaction, so that no lock is held for ever.
        await until_none(database, LOCKING_NUMBERS)
        assert platform.events == []
        database_proxy.slow(0)
        database_proxy.thaw()
        await assert_activated_once(platform, database, [command])


async def test_a_slow_database_only_delays_commands(
    database: Database, lossy_settings: Settings, platform: Platform, database_proxy: Proxy
) -> None:
    await store(database, *SITE)
    database_proxy.slow(0.002)
    async with working_through_proxies(lossy_settings):
        commands = [await platform.send("activate", number) for number in NUMBERS]
        await assert_activated_once(platform, database, commands)
