"""Injects faults into servers, queues, networks and workers."""

import asyncio
import random
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import asyncpg
from pamqp import commands as amqp

from tests.campaign.planning.schedule import Fault, Size
from tests.campaign.running.network import Network
from tests.campaign.running.upgrade import Upgrade
from tests.campaign.running.workers import Workers
from tests.support.faults.amqp_wire import Wire
from tests.support.stories.quota import full_disk
from worker.local import PrivateServers

PBX_QUEUES = {
    "pbx.handset-logout": "handset_logout.*",
    "pbx.hunt-group-membership": "hunt_group_membership.*",
    "pbx.extension-reset": "extension_reset.*",
}
PBX_EXCHANGE = "telephony.pbx"
POLICY = "campaign-full"
DOWN_SECONDS = 3
MORE_THAN_ANY_DISK, DISK_FREE_LIMIT = "1000000GB", "50MB"
ALARM = "{resource_limit, memory, node()}"
END_SESSIONS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE usename = current_user AND pid <> pg_backend_pid()
"""


@dataclass(frozen=True)
class Faults:
    """The means to inject each kind of fault."""

    servers: PrivateServers
    workers: Workers
    networks: Sequence[Network]
    dice: random.Random
    size: Size
    upgrade: Upgrade

    async def inject(self, fault: Fault) -> str:
        """Injects the fault and waits until it is over; returns a detail for the report."""
        return await self._actions[fault]()

    @property
    def _actions(self) -> Mapping[Fault, Callable[[], Awaitable[str]]]:
        return {
            Fault.WORKER_KILL: self._kill_worker,
            Fault.WORKER_RESTART: self._restart_worker,
            Fault.LEADER_FREEZE: self._freeze_leader,
            Fault.BROKER_KILL: self._kill_broker,
            Fault.BROKER_RESTART: self._restart_broker,
            Fault.MEMORY_ALARM: self._alarm,
            Fault.DISK_ALARM: self._fill_broker,
            Fault.QUEUE_FULL: self._fill_queue,
            Fault.QUEUE_UNBOUND: self._unbind_queue,
            Fault.DATABASE_KILL: self._kill_database,
            Fault.DATABASE_RESTART: self._restart_database,
            Fault.DATABASE_FULL: self._fill_database,
            Fault.SESSIONS_ENDED: self._end_sessions,
            Fault.CONNECTION_CUT: self._cut,
            Fault.PARTITION: self._partition,
            Fault.SCHEMA_MIGRATED: self.upgrade.migrate,
            Fault.WORKER_UPGRADED: self.upgrade.upgrade_worker,
            Fault.WORKER_TAKEN_BACK: self.upgrade.take_worker_back,
        }

    async def _kill_worker(self) -> str:
        return await self._signal(signal.SIGKILL)

    async def _restart_worker(self) -> str:
        return await self._signal(signal.SIGTERM)

    async def _signal(self, number: signal.Signals) -> str:
        while True:
            slot = self.workers.random_slot(self.dice)
            leads = slot.leads
            # A frozen worker must be thawed, so that a former leader wakes up beside the new one.
            if not slot.frozen and slot.send(number):
                return "leader" if leads else "standby"
            await asyncio.sleep(0.01)

    async def _freeze_leader(self) -> str:
        slot = await self.workers.leader()
        slot.send(signal.SIGSTOP)
        slot.frozen = True
        try:
            await asyncio.sleep(self.size.freeze_seconds)
        finally:
            slot.frozen = False
            slot.send(signal.SIGCONT)
        return "thawed"

    async def _kill_broker(self) -> str:
        await self.servers.rabbitmq.kill()
        await self.servers.rabbitmq.start()
        return "kill -9"

    async def _restart_broker(self) -> str:
        await self.servers.rabbitmq.restart()
        return "in order"

    async def _kill_database(self) -> str:
        await self.servers.postgresql.kill()
        await self._stay_down()
        await self.servers.postgresql.start()
        return "kill -9"

    async def _restart_database(self) -> str:
        await self.servers.postgresql.stop()
        await self._stay_down()
        await self.servers.postgresql.start()
        return "fast"

    async def _end_sessions(self) -> str:
        connection = await asyncpg.connect(plain_url(self.servers))
        try:
            ended = await connection.fetchval(END_SESSIONS)
        finally:
            await connection.close()
        return f"{ended} sessions"

    async def _alarm(self) -> str:
        control = self.servers.rabbitmq.control
        await control("eval", f"rabbit_alarm:set_alarm({{{ALARM}, []}}).")
        try:
            await self._hold()
        finally:
            await control("eval", f"rabbit_alarm:clear_alarm({ALARM}).")
        return "no publishing"

    async def _fill_broker(self) -> str:
        control = self.servers.rabbitmq.control
        await control("set_disk_free_limit", MORE_THAN_ANY_DISK)
        try:
            await self._hold()
        finally:
            await control("set_disk_free_limit", DISK_FREE_LIMIT)
        return "no publishing"

    async def _fill_database(self) -> str:
        async with full_disk(self.servers.postgresql.url):
            await self._hold()
        return "no file grows"

    async def _fill_queue(self) -> str:
        queue = self.dice.choice(list(PBX_QUEUES))
        full = '{"max-length": 0, "overflow": "reject-publish"}'
        control = self.servers.rabbitmq.control
        await control("set_policy", "--apply-to", "queues", POLICY, f"^{queue}$", full)
        try:
            await self._hold()
        finally:
            await control("clear_policy", POLICY)
        return queue

    async def _unbind_queue(self) -> str:
        queue, key = self.dice.choice(list(PBX_QUEUES.items()))
        url = self.servers.rabbitmq.url
        await asyncio.to_thread(_unbind, url, queue, key)
        try:
            await self._hold()
        finally:
            await asyncio.to_thread(_bind, url, queue, key)
        return queue

    async def _cut(self) -> str:
        network, side = self._any_connection()
        await network.cut(side, self.dice.uniform(*self.size.hold_seconds))
        return f"{network.worker} from the {side}"

    async def _partition(self) -> str:
        network, side = self._any_connection()
        await network.partition(side, self.dice.uniform(*self.size.partition_seconds))
        return f"{network.worker} from the {side}"

    def _any_connection(self) -> tuple[Network, str]:
        network = self.dice.choice(self.networks)
        return network, self.dice.choice(list(network.proxies))

    async def _stay_down(self) -> None:
        # Without a pause the database is back before most connections fail.
        await asyncio.sleep(self.dice.choice((0.0, self.dice.uniform(0, DOWN_SECONDS))))

    async def _hold(self) -> None:
        await asyncio.sleep(self.dice.uniform(*self.size.hold_seconds))


def plain_url(servers: PrivateServers) -> str:
    """The database's URL as its driver reads it."""
    return servers.postgresql.url.replace("+asyncpg", "")


def _unbind(url: str, queue: str, routing_key: str) -> None:
    wire = Wire(url)
    unbind = amqp.Queue.Unbind(queue=queue, exchange=PBX_EXCHANGE, routing_key=routing_key)
    wire.call(unbind, amqp.Queue.UnbindOk)
    wire.close()


def _bind(url: str, queue: str, routing_key: str) -> None:
    wire = Wire(url)
    bind = amqp.Queue.Bind(queue=queue, exchange=PBX_EXCHANGE, routing_key=routing_key)
    wire.call(bind, amqp.Queue.BindOk)
    wire.close()
