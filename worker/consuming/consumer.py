"""One consumer: the deliveries of a queue on a channel, until they are acknowledged."""

import asyncio
import math
from collections import deque
from collections.abc import Iterable
from typing import Final

from aio_pika.abc import AbstractChannel

from worker.broker.ack_tracker import AckTracker
from worker.broker.connection import ready_messages
from worker.broker.delivery import Delivery, begin_to_consume
from worker.broker.session import BrokerSession

__all__ = ["Consumer"]


class Consumer:
    """Keeps the deliveries of one queue in their order, until it is closed or the session fails.

    What nobody has taken goes back to the queue with the channel, all at once and in its order. The
    consumer is not cancelled before: a quorum queue takes back at once what it delivers to nobody
    then, before earlier messages that are still held here. That way a command overtook an earlier
    one of its number.
    """

    def __init__(self, queue: str, channel: AbstractChannel, session: BrokerSession) -> None:
        self.queue: Final = queue
        self._channel = channel
        self._session = session
        self._ack_tracker = AckTracker()
        self._arrived = asyncio.Event()
        self._behind = math.inf
        self.waiting: deque[Delivery] = deque()
        """What nobody has taken, in the order of arrival."""
        self.closing = asyncio.Event()
        """Whether nothing more is to be taken."""
        self.deliveries = 0
        """How many messages were delivered so far."""

    async def start(self) -> None:
        """Begins to consume. Raises `BrokerUnavailable`."""
        self._behind = await ready_messages(self._session.connections[0], self.queue)
        await begin_to_consume(self._channel, self.queue, self._receive)

    async def wait(self) -> bool:
        """Waits until a message waits to be taken; False when nothing more is to be taken."""
        while not self.waiting and not self.closing.is_set():
            self._arrived.clear()
            await self._arrived.wait()
        return not self.closing.is_set()

    def take(self, count: int) -> list[Delivery]:
        """Takes so many of the waiting messages."""
        return [self.waiting.popleft() for _ in range(count)]

    def close(self) -> None:
        """Lets `wait` return; what nobody has taken goes back with the channel."""
        self.closing.set()
        self._arrived.set()

    async def ack(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledges these deliveries. Raises `BrokerUnavailable` when the channel is gone."""
        await self._ack_tracker.ack(deliveries)

    @property
    def is_empty(self) -> bool:
        """Whether it holds no message that is not acknowledged."""
        return not self._ack_tracker.outstanding

    @property
    def has_caught_up(self) -> bool:
        """Whether as many messages were handled as waited at the start, or the queue was empty."""
        return self._behind <= 0

    def handled(self, messages: int) -> None:
        """Counts messages that are stored, or on their way to the dead-letter queue."""
        self._behind -= messages

    def found_empty(self) -> None:
        """Notes that the queue is empty: what waited in it at the start was purged or moved."""
        self._behind = 0

    async def _receive(self, delivery: Delivery) -> None:
        # The library cancels its callbacks when the connection is lost, in the middle of their
        # work. So this one only stores the delivery.
        if not self._session.accept(len(delivery.body)):
            return
        self.deliveries += 1
        self._ack_tracker.add(delivery)
        self.waiting.append(delivery)
        self._arrived.set()
