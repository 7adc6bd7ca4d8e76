"""Several partitions with the installed command, while workers and the command are killed."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aio_pika.exceptions import ChannelNotFoundEntity

from tests.support.environments import Environment, environment
from tests.support.faults.lossy import distinct_events, until_idle
from tests.support.installed_command import COMMAND, command, running, started
from tests.support.partitions import BUILDING, NUMBERS, is_in_sequence, send_commands
from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store
from worker.broker.connecting.connection import connect
from worker.broker.partition_queues import queue_names_of
from worker.core.partitions import Layout
from worker.storage.connecting.engine import Database
from worker.storage.locks import PARTITION

__all__ = ["environment"]

ALL = tuple(NUMBERS)
CHANGE_SECONDS = 180
"""Far longer than no worker runs while a change is killed three times and completed."""


SHARES = f"""SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objid = {PARTITION}
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY pid ORDER BY 1"""


async def until_shared(database: Database, *shares: int) -> None:
    """Waits until the workers own so many assignments each, in ascending order."""
    async with asyncio.timeout(20):
        while await rows(database, SHARES) != [(share,) for share in shares]:
            await asyncio.sleep(0.05)


async def test_worker_takes_over_the_partitions_of_a_killed_worker(
    environment: Environment, database: Database, platform: Platform
) -> None:
    await store(database, *BUILDING)
    assert (await command(environment, "partitions", "3"))[0] == 0
    async with running(environment), started(environment) as other:
        await until_shared(database, 2, 2)
        commands = await send_commands(platform, "activate", ALL)
        other.process.kill()
        await until_shared(database, 4)
        outcomes = [await platform.outcome(identifier) for identifier in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(ALL)
    assert is_in_sequence(platform.events)


class Traffic:
    """Sends for each number a command that must be refused, followed by one that must be accepted.

    The status in a refusal shows whether the second command has overtaken the first.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self.refused: dict[str, str] = {}
        self.accepted: list[str] = []

    async def run(self, until: Callable[[], bool]) -> None:
        state = "RESERVED"
        while not until():
            wrong, right = ("deactivate", "activate")[:: 1 if state == "RESERVED" else -1]
            sent = []
            for number in ALL:
                (refused,) = await send_commands(self._platform, wrong, [number])
                self.refused[refused] = state
                sent += await send_commands(self._platform, right, [number])
                await self._platform.send(wrong, number, account_id=NUMBERS[number], id=refused)
            self.accepted += sent
            for identifier in sent:
                await self._platform.outcome(identifier, patience_seconds=CHANGE_SECONDS)
            state = "ACTIVE" if state == "RESERVED" else "RESERVED"

    def refusals(self) -> dict[str, str]:
        """The status in the refusal of each command."""
        return {
            event["data"]["command_id"]: event["data"]["status"]
            for event in self._platform.events
            if event["type"].endswith("rejected.v1")
        }


async def kill_change(environment: Environment, partitions: int, after_seconds: float) -> None:
    """Begins a change of the number of partitions and kills it after this time."""
    process = await asyncio.create_subprocess_exec(
        COMMAND, "partitions", str(partitions), env=dict(environment)
    )
    await asyncio.sleep(after_seconds)
    process.kill()
    await process.wait()


async def change_through_kills(environment: Environment, partitions: int) -> None:
    for after_seconds in (0.6, 0.9, 1.2):
        await kill_change(environment, partitions, after_seconds)
    code, output = await command(environment, "partitions", str(partitions))
    assert code == 0, output


@asynccontextmanager
async def two_workers_killed(environment: Environment) -> AsyncIterator[None]:
    """Two workers; at the end both are killed, with commands in every queue."""
    async with started(environment) as one, started(environment) as other:
        yield
        for worker in (one, other):
            worker.process.kill()


async def queues_left(amqp_url: str, names: Sequence[str]) -> list[str]:
    left = []
    async with await connect([amqp_url]) as connection:
        for name in names:
            with contextlib.suppress(ChannelNotFoundEntity):
                async with await connection.channel() as channel:
                    await channel.declare_queue(name, passive=True)
                    left.append(name)
    return left


def has_received(platform: Platform, events: int) -> bool:
    return len(platform.events) >= events


@pytest.mark.campaign
async def test_killed_changes_of_the_partitions_lose_and_reorder_no_command(
    environment: Environment, database: Database, amqp_url: str
) -> None:
    await store(database, *BUILDING)
    done = False
    async with platform_at(amqp_url) as platform:
        traffic = Traffic(platform)
        publishing = asyncio.create_task(traffic.run(lambda: done))
        for partitions in (4, 2, 1):
            async with two_workers_killed(environment):
                # A command has up to two events, as has a refusal that is repeated: three periods
                # of three events for each number span more than two rounds of traffic, and each
                # ends in the middle of one.
                events = len(platform.events) + 3 * len(ALL)
                await platform.until(partial(has_received, platform, events))
            await change_through_kills(environment, partitions)
        async with started(environment):
            done = True
            await publishing
            await until_idle(database)
            assert traffic.refusals() == traffic.refused
            assert is_in_sequence(platform.events)
            distinct_events(platform.events)
            assert {
                tuple(platform.outcome_so_far(identifier)) for identifier in traffic.accepted
            } <= {
                ("PENDING", "ACTIVE"),
                ("PENDING", "RESERVED"),
            }
            assert len(traffic.accepted) >= 2 * len(ALL)
    assert (await command(environment, "partitions", "1"))[0] == 0
    names = [name for count in (1, 2, 4) for name in queue_names_of(Layout(count, routed=True))]
    assert await queues_left(amqp_url, names) == []
    assert await rows(database, "SELECT count(*) FROM commands WHERE outcome <> 'rejected'") == [
        (len(traffic.accepted),)
    ]
