"""The leader is frozen, another takes over, the former one wakes: it can do no harm."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from signal import SIGCONT, SIGSTOP

from tests.support.environments import Environment, environment
from tests.support.installed_command import COMMAND
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.storage.engine import Database

__all__ = ["environment"]

NUMBERS = tuple(f"+44207946{index:04}" for index in range(600))
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 1000)""",
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(f"('{number}', 'london', 'acme', 'RESERVED')" for number in NUMBERS),
)


class Worker:
    """The installed command; what it logs is read all the time, lest it wait for a reader."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self._actions: list[str] = []
        self._said = asyncio.Condition()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            async with self._said:
                self._actions.append(json.loads(line)["action"])
                self._said.notify_all()

    async def until(self, action: str) -> None:
        """Waits until it has logged this, since the last time that was asked."""
        async with asyncio.timeout(30), self._said:
            await self._said.wait_for(lambda: action in self._actions)
            del self._actions[: self._actions.index(action) + 1]


@asynccontextmanager
async def started(environment: Environment) -> AsyncIterator[Worker]:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "run", env=dict(environment), stderr=asyncio.subprocess.PIPE
    )
    try:
        yield Worker(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def in_order(one: Worker, other: Worker) -> tuple[Worker, Worker]:
    """The one that leads, and the one that stands by."""
    leads = asyncio.create_task(one.until("leadership_gained"))
    stands_by = asyncio.create_task(one.until("worker_standing_by"))
    await asyncio.wait((leads, stands_by), return_when=asyncio.FIRST_COMPLETED)
    for task in (leads, stands_by):
        task.cancel()
    leader, standby = (one, other) if leads.done() else (other, one)
    return leader, standby


async def test_a_leader_that_was_frozen_stands_by_when_it_wakes(
    environment: Environment, database: Database, platform: Platform
) -> None:
    await store(database, *SITE)
    quick = {
        **environment,
        "WORKER_LEADER_SILENCE_MAXIMUM_SECONDS": "2",
        "AMQP_URL": f"{environment['AMQP_URL']}?heartbeat=1",
    }
    async with started(quick) as one, started(quick) as other:
        leader, standby = await in_order(one, other)
        # Frozen with deliveries, an open transaction and messages in flight.
        commands = [await platform.send("activate", number) for number in NUMBERS[:300]]
        await platform.until(lambda: platform.events)
        leader.process.send_signal(SIGSTOP)
        await standby.until("leadership_gained")
        commands += [await platform.send("activate", number) for number in NUMBERS[300:450]]
        for command in commands:
            await platform.outcome(command)

        leader.process.send_signal(SIGCONT)
        await leader.until("worker_standing_by")
        commands += [await platform.send("activate", number) for number in NUMBERS[450:]]
        outcomes = [await platform.outcome(command) for command in commands]
        standby.process.terminate()
        await leader.until("leadership_gained")

    assert outcomes == [["PENDING", "ACTIVE"]] * len(NUMBERS)
    heard = {event["id"]: event["data"]["sequence"] for event in platform.events}
    assert len(heard) == 2 * len(NUMBERS)
    assert await rows(database, "SELECT term FROM leadership") == [(3,)]
    assert await rows(database, "SELECT DISTINCT sequence FROM phone_numbers") == [(2,)]
