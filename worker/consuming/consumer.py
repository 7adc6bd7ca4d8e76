"""What a consumer was given and has not dealt with: taken note of at once, settled in the end."""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from aio_pika.abc import AbstractChannel

from worker.broker.ack_tracker import AckTracker
from worker.broker.connection import ready_messages
from worker.broker.delivery import Delivery, begin_to_consume
from worker.broker.session import BrokerSession

__all__ = ["Consumer"]


class Consumer:
    """The deliveries of one queue on one channel, until it is closed or the link is lost."""

    def __init__(self, queue: str, channel: AbstractChannel, link: BrokerSession) -> None:
        self.queue: Final = queue
        self._channel = channel
        self._link = link
        self._held_at_most = link.held_at_most
        self._settler = AckTracker()
        self._arrived = asyncio.Event()
        self.waiting: deque[Delivery] = deque()
        """What nobody has begun with, in the order of its arrival."""
        self.closing = asyncio.Event()
        """Whether nothing more is to be begun with."""
        self.deliveries = 0
        """How many messages it was given so far."""
        self._behind = math.inf

    @property
    def is_empty(self) -> bool:
        """Whether it holds no message that is not acknowledged."""
        return not self._settler.outstanding

    @property
    def is_full(self) -> bool:
        """Whether the broker gives nothing more before something is acknowledged."""
        return self._settler.outstanding >= self._held_at_most

    @property
    def has_caught_up(self) -> bool:
        """Whether as many were handled as waited in the queue at first, or none was left in it."""
        return self._behind <= 0

    def handled(self, messages: int) -> None:
        """So many are decided, or on their way to the dead letters."""
        self._behind -= messages

    def found_empty(self) -> None:
        """The queue holds nothing: what it was behind with has been purged, or put away."""
        self._behind = 0

    async def consume(self, handle: Callable[[], Awaitable[None]]) -> None:
        """Calls `handle` as long as anything waits, again and again until `close`.

        What was not begun with goes back to the queue with the channel, all at once and in its
        order. It is not cancelled before: a quorum queue takes back at once what then reaches
        nobody, before what came earlier and is still held here. So a command of a number was
        overtaken by the next, when the number of lanes was changed.
        """
        self._behind = await ready_messages(self._link.connections[0], self.queue)
        await begin_to_consume(self._channel, self.queue, self._receive)
        while not self.closing.is_set():
            await self._arrived.wait()
            self._arrived.clear()
            while self.waiting and not self.closing.is_set():
                await handle()

    def close(self) -> None:
        """Ends `consume` after what is at hand; the rest goes back with the channel."""
        self.closing.set()
        self._arrived.set()

    async def settle(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledges what is dealt with. Raises `BrokerUnavailable` when the channel is gone."""
        await self._settler.settle(deliveries)

    async def _receive(self, delivery: Delivery) -> None:
        # The library cancels its callbacks when the connection is lost, in the middle of
        # whatever they do: so this one only takes note.
        if not self._link.accept(len(delivery.body)):
            return
        self.deliveries += 1
        self._settler.received(delivery)
        self.waiting.append(delivery)
        self._arrived.set()
