"""The number of lanes is changed while commands are on their way: none is lost, none overtaken.

First nothing more is handed to the lanes, then their queues run empty, then all that is under way
changes hands in one transaction. Each step can be repeated: whoever calls again after an
interruption goes on where it stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from aio_pika.abc import AbstractConnection

from contracts.catalogue import COMMAND_QUEUE
from worker.broker.confirm_channel import ConfirmChannel, NotPublished
from worker.broker.connection import channel_on, connect, ready_messages
from worker.broker.delivery import Delivery, begin_to_consume
from worker.broker.forwarding import forwarded
from worker.broker.lane_queues import (
    declare_lanes,
    delete_lanes,
    fence_off_lanes,
    queue_name_of,
    queue_names_of,
)
from worker.broker.publisher import Publisher
from worker.consuming.draining import is_last_word, last_word
from worker.settings import Settings
from worker.storage.engine import Database, open_database
from worker.storage.lanes import (
    Lanes,
    change_lanes,
    find_undrained,
    forget_former_lanes,
    load_lanes,
    wish_for_lanes,
)
from worker.storage.locks import LANE_CHANGE

__all__ = ["ChangeTimedOut", "ChangeUnderWay", "LaneChange", "change_number_of_lanes"]

SETTLE_SECONDS: Final = 0.5
"""What was already on its way through the broker when the way was closed arrives meanwhile."""
HAND_OVER_SECONDS: Final = 1
"""In which the workers leave the old queues by themselves."""
LOOK_AGAIN_SECONDS: Final = 0.2
QUIET_SECONDS: Final = 0.5


class ChangeUnderWay(Exception):
    """Somebody else changes the number of lanes now."""


class ChangeTimedOut(Exception):
    """The change is begun and not done; the text says what it waits for."""


async def change_number_of_lanes(
    settings: Settings, wished: int, *, wait_seconds: float, tell: Callable[[str], None]
) -> None:
    """Returns when there are so many lanes.

    Raises `ChangeTimedOut`, `ChangeUnderWay`, `TopologyMismatch` and `BrokerUnavailable`; then the
    change stays begun.
    """
    async with (
        open_database(settings.database_url) as database,
        _alone(database),
        await connect(settings.amqp_urls) as connection,
    ):
        change = LaneChange(database, connection, settings, tell)
        await change.run(wished, monotonic() + wait_seconds)


@asynccontextmanager
async def _alone(database: Database) -> AsyncIterator[None]:
    async with database.own_session() as session:
        if not await session.driver.fetchval("SELECT pg_try_advisory_lock($1)", LANE_CHANGE):
            raise ChangeUnderWay("Somebody else is changing the number of lanes now.")
        yield


class LaneChange:
    """One change, from whatever was done of it before to its end."""

    def __init__(
        self,
        database: Database,
        connection: AbstractConnection,
        settings: Settings,
        tell: Callable[[str], None],
    ) -> None:
        self._database = database
        self._connection = connection
        self._publish_timeout_seconds = settings.publish_timeout_seconds
        self._tell = tell

    async def run(self, wished: int, until: float) -> None:
        """See `change_number_of_lanes`."""
        await self._clear_up(await self._database.transact(load_lanes))
        # Before the wish: what may not be declared keeps nothing waiting.
        await declare_lanes(self._connection, wished)
        lanes = await self._database.transact(lambda on: wish_for_lanes(on, wished))
        if lanes.changing:
            self._tell(f"From {lanes.present} to {wished}: no more commands to the lanes.")
            if lanes.present > 1:
                await self._drain(lanes, until)
            lanes = await self._database.transact(change_lanes)
            self._tell(f"From now on: {lanes.present} lane{'s' * (lanes.present > 1)}.")
            await asyncio.sleep(HAND_OVER_SECONDS)
            await self._clear_up(lanes)

    async def _drain(self, lanes: Lanes, until: float) -> None:
        await fence_off_lanes(self._connection, lanes.present)
        await asyncio.sleep(SETTLE_SECONDS)
        for lane in await self._database.transact(find_undrained):
            await self._say_last_word(queue_name_of(lane, lanes.present), lanes.change)
        told: Sequence[int] = ()
        while undrained := await self._database.transact(find_undrained):
            if undrained != told:
                self._tell(await self._waits_for(undrained, lanes.present))
                told = undrained
            if monotonic() > until:
                raise ChangeTimedOut(
                    f"{await self._waits_for(undrained, lanes.present)} Commands wait until then."
                    f" Is a worker running? Call `activation-worker lanes {lanes.wished}` again to"
                    f" go on, or `activation-worker lanes {lanes.present}` to leave it as it was."
                )
            await asyncio.sleep(LOOK_AGAIN_SECONDS)

    async def _say_last_word(self, queue: str, change: int) -> None:
        publisher = Publisher(self._connection, self._publish_timeout_seconds, alone=set())
        await publisher.send(last_word(change), exchange="", routing_key=queue)

    async def _waits_for(self, undrained: Sequence[int], lanes: int) -> str:
        waiting = [
            f"lane {lane} ({await ready_messages(self._connection, queue_name_of(lane, lanes))})"
            for lane in undrained
        ]
        return f"Waiting for what is left in the queues of {', '.join(waiting)}."

    async def _clear_up(self, lanes: Lanes) -> None:
        """Deletes the queues that are left of an earlier number of lanes."""
        if lanes.former is None:
            return
        for queue in queue_names_of(lanes.former):
            await self._send_back(queue)
        await delete_lanes(self._connection, lanes.former)
        await self._database.transact(forget_former_lanes)

    async def _send_back(self, queue: str) -> None:
        # A queue that was drained is empty, but for what lost its way to the dead letters when the
        # broker was lost. What is deleted with a queue is gone: so it goes back to where all
        # commands come from.
        if not await ready_messages(self._connection, queue):
            return
        async with await channel_on(self._connection) as channel:
            found: asyncio.Queue[Delivery] = asyncio.Queue()
            await begin_to_consume(channel, queue, found.put)
            outlet = ConfirmChannel(self._connection, self._publish_timeout_seconds)
            try:
                while True:
                    message = await asyncio.wait_for(found.get(), QUIET_SECONDS)
                    if not is_last_word(message):
                        await self._publish(outlet, message)
                    await message.acknowledge()
            except TimeoutError:
                return

    async def _publish(self, outlet: ConfirmChannel, message: Delivery) -> None:
        again = forwarded(message, exchange="", routing_key=COMMAND_QUEUE)
        (problem,) = await outlet.publish([again])
        if problem is not None:
            raise problem if isinstance(problem, NotPublished) else problem.verdict()
