"""Several lanes with the installed command: workers die, their number changes, through kills."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack

from aio_pika.exceptions import ChannelNotFoundEntity

from tests.acceptance.test_takeover import Worker, started
from tests.support.environments import Environment, environment
from tests.support.installed_command import COMMAND, command, running
from tests.support.lanes import BUILDING, NUMBERS, asked, in_order
from tests.support.lossy import at_rest, said_once
from tests.support.platform import Platform, platform_at
from tests.support.workers import rows, store
from worker.broker.connection import connect
from worker.storage.engine import Database
from worker.storage.locks import POST

__all__ = ["environment"]

ALL = tuple(NUMBERS)


SHARES = f"""SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND mode = 'ExclusiveLock' AND granted AND objid = {POST}
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    GROUP BY pid ORDER BY 1"""


async def until_shared(database: Database, *shares: int) -> None:
    """Waits until workers serve so many posts each."""
    async with asyncio.timeout(20):
        while await rows(database, SHARES) != [(share,) for share in shares]:
            await asyncio.sleep(0.05)


async def test_killing_a_worker_hands_its_lanes_on(
    environment: Environment, database: Database, platform: Platform
) -> None:
    await store(database, *BUILDING)
    assert (await command(environment, "lanes", "3"))[0] == 0
    async with running(environment), started(environment) as other:
        await until_shared(database, 2, 2)
        commands = await asked(platform, "activate", ALL)
        other.process.kill()
        await until_shared(database, 4)
        outcomes = [await platform.outcome(identifier) for identifier in commands]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(ALL)
    assert in_order(platform.events)


class Traffic:
    """For each number a command that must be refused, and right behind it one that must not.

    The state that a refusal names tells whether the second has overtaken the first.
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
                (refused,) = await asked(self._platform, wrong, [number])
                self.refused[refused] = state
                sent += await asked(self._platform, right, [number])
                await self._platform.send(wrong, number, account_id=NUMBERS[number], id=refused)
            self.accepted += sent
            for identifier in sent:
                await self._platform.outcome(identifier)
            state = "ACTIVE" if state == "RESERVED" else "RESERVED"

    def refusals(self) -> dict[str, str]:
        """The states that the refusals named."""
        return {
            event["data"]["command_id"]: event["data"]["status"]
            for event in self._platform.events
            if event["type"].endswith("rejected.v1")
        }


async def killed_in_the_middle(environment: Environment, lanes: int, after_seconds: float) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "lanes", str(lanes), env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    await asyncio.wait_for(process.stderr.readline(), 20)
    await asyncio.sleep(after_seconds)
    process.kill()
    await process.communicate()


async def changed_through_kills(
    environment: Environment, victim: Worker, workers: AsyncExitStack
) -> None:
    """From 1 to 4, to 2, and to 1 again."""
    await killed_in_the_middle(environment, 4, 0)
    assert (await command(environment, "lanes", "4"))[0] == 0
    await killed_in_the_middle(environment, 2, 0.2)
    assert "2 are wished for" in (await command(environment, "lanes"))[1]
    changing = asyncio.create_task(command(environment, "lanes", "2"))
    victim.process.kill()
    await workers.enter_async_context(started(environment))
    assert (await changing)[0] == 0
    assert (await command(environment, "lanes", "1"))[0] == 0


async def queues_left(amqp_url: str, names: Sequence[str]) -> list[str]:
    left = []
    async with await connect([amqp_url]) as connection:
        for name in names:
            with contextlib.suppress(ChannelNotFoundEntity):
                async with await connection.channel() as channel:
                    await channel.declare_queue(name, passive=True)
                    left.append(name)
    return left


async def test_lanes_change_through_kills_and_no_command_is_lost_or_overtaken(
    environment: Environment, database: Database, amqp_url: str
) -> None:
    await store(database, *BUILDING)
    done = False
    async with platform_at(amqp_url) as platform, AsyncExitStack() as workers:
        first, _ = [await workers.enter_async_context(started(environment)) for _ in range(2)]
        traffic = Traffic(platform)
        publishing = asyncio.create_task(traffic.run(lambda: done))
        await platform.until(lambda: platform.events)
        await changed_through_kills(environment, first, workers)
        done = True
        await publishing
        await at_rest(database)

        assert traffic.refusals() == traffic.refused
        assert in_order(platform.events)
        said_once(platform.events)
        assert {tuple(platform.said_of(identifier)) for identifier in traffic.accepted} <= {
            ("PENDING", "ACTIVE"),
            ("PENDING", "RESERVED"),
        }
        assert len(traffic.accepted) > 2 * len(ALL)
    names = [f"telephony.phone_number.commands.lane-{k}-of-{n}" for n in (2, 4) for k in range(n)]
    assert await queues_left(amqp_url, names) == []
    assert await rows(database, "SELECT count(*) FROM commands WHERE outcome <> 'rejected'") == [
        (len(traffic.accepted),)
    ]
