"""Consumes one queue: holds its deliveries until they are acknowledged."""

import asyncio
import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Final, Protocol

from aiormq.abc import AbstractChannel

from worker.broker.ack_tracker import AckTracker
from worker.broker.connecting.connection import ready_messages
from worker.broker.delivery import Delivery, begin_to_consume
from worker.broker.session import BrokerSession
from worker.core.lanes import Lane

__all__ = ["Consumer", "Waiting"]

ORDINARY_PRIORITY_MAXIMUM: Final = 4
"""RabbitMQ 4 delivers messages with a higher priority before earlier ones."""


FLOOD_DELIVERIES: Final = 400
"""If so many have arrived since the last batch, more than two batches, a flood is coming in."""
TAKE_IN_SECONDS: Final = 0.5
"""The longest time for which a flood is taken in before the next batch. A burst of 20,000 comes in
within two seconds."""
LOOK_SECONDS: Final = 0.01
"""How long to take in before looking again whether the flood goes on."""
FEW_DELIVERIES: Final = 20
"""If no more than these arrive in `LOOK_SECONDS`, the flood is over, or slower than the worker."""


class Waiting(Protocol):
    """Deliveries that were not taken yet, in the order in which to take them; like a `deque`."""

    def append(self, delivery: Delivery, /) -> None:
        """Adds a delivery that has arrived."""

    def popleft(self) -> Delivery:
        """Takes the next one."""

    def __len__(self) -> int:
        """How many wait."""

    def __iter__(self) -> Iterator[Delivery]:
        """In the order in which to take them."""


class Consumer:
    """Holds the deliveries of one queue in order, until it is closed or the session fails.

    Closing the channel returns the deliveries that were not taken, all at once and in order. The
    consumer is not cancelled before that: a quorum queue then takes back the deliveries that are
    still on their way before the earlier ones that are held here, and a command overtook an earlier
    one of its number.
    """

    def __init__(
        self,
        queue: str,
        channel: AbstractChannel,
        session: BrokerSession,
        *,
        waiting: Waiting | None = None,
        lane: Lane = Lane.INTERACTIVE,
        on_prioritised: Callable[[str | None], None] | None = None,
        on_redelivered: Callable[[], None] | None = None,
    ) -> None:
        """`waiting` orders the deliveries that were not taken yet; else they keep their order.

        `lane` is that of its deliveries, unless `waiting` says something else. Calls
        `on_prioritised` with the id of a message whose priority breaks the order, and
        `on_redelivered` for each message that was delivered before.
        """
        self.queue: Final = queue
        self._channel = channel
        self._session = session
        self._on_prioritised = on_prioritised
        self._on_redelivered = on_redelivered
        self._ack_tracker = AckTracker()
        self._arrived = asyncio.Event()
        self._behind = math.inf
        self._lane = lane
        self._is_ordered_anew = waiting is not None
        self._arrivals: deque[Delivery] | None = None
        self.waiting: Waiting = deque() if waiting is None else waiting
        """The deliveries that were not taken yet, in the order in which they will be."""
        self.closing = asyncio.Event()
        """Set when no more deliveries may be taken."""
        self._deliveries_before = 0
        self.deliveries = 0
        """How many messages were delivered."""

    async def start(self) -> None:
        """Begins to consume. Raises `BrokerUnavailable`."""
        self._behind = await ready_messages(self._session.connections[0], self.queue)
        await begin_to_consume(self._channel, self.queue, self._receive)

    async def wait(self) -> bool:
        """Waits for a delivery to take; False if no more may be taken."""
        while not self.waiting and not self.closing.is_set():
            self._arrived.clear()
            await self._arrived.wait()
        return not self.closing.is_set()

    async def take_in(self) -> None:
        """Lets a flood of deliveries come in first, if they are ordered anew.

        Their order counts only when they are here, and to handle a batch takes longer than to
        receive one. It waits no longer than a moment, because the others wait meanwhile.
        """
        is_flood = self.deliveries - self._deliveries_before >= FLOOD_DELIVERIES
        if not is_flood or not self._is_ordered_anew:
            self._deliveries_before = self.deliveries
            return
        deadline = monotonic() + TAKE_IN_SECONDS
        while monotonic() < deadline:
            before = self.deliveries
            await asyncio.sleep(LOOK_SECONDS)
            if self.deliveries - before < FEW_DELIVERIES:
                break
        self._deliveries_before = self.deliveries

    @contextmanager
    def order_kept(self) -> Iterator[None]:
        """Orders what arrives meanwhile afterwards, so that `take` takes what was seen before."""
        self._arrivals = deque()
        try:
            yield
        finally:
            arrivals, self._arrivals = self._arrivals, None
            for delivery in arrivals:
                self.waiting.append(delivery)

    def take(self, count: int) -> list[Delivery]:
        """Takes this number of the waiting deliveries."""
        return [self.waiting.popleft() for _ in range(count)]

    def close(self) -> None:
        """Lets `wait` return False; the channel's close returns deliveries that were not taken."""
        self.closing.set()
        self._arrived.set()

    async def ack(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledges these deliveries. Raises `BrokerUnavailable` when the channel is gone."""
        await self._ack_tracker.ack(deliveries)

    @property
    def held(self) -> int:
        """How many of its deliveries are not acknowledged."""
        return self._ack_tracker.outstanding

    @property
    def stall_seconds(self) -> float:
        """How long it has held deliveries and acknowledged none; 0 if it holds none."""
        return self._ack_tracker.stall_seconds

    @property
    def is_empty(self) -> bool:
        """Whether all its deliveries are acknowledged."""
        return not self.held

    @property
    def has_caught_up(self) -> bool:
        """Whether as many messages were handled as waited at the start, or the queue was empty."""
        return self._behind <= 0

    def handled(self, messages: int) -> None:
        """Counts messages that were stored, or are being dead-lettered."""
        self._behind -= messages

    def found_empty(self) -> None:
        """Notes that the queue is empty: what waited at the start was handled, purged or moved."""
        self._behind = 0

    async def _receive(self, delivery: Delivery) -> None:
        # The library cancels a running callback when the connection is lost. So this one only
        # stores the delivery.
        if not self._session.accept(len(delivery.body), self._ack_tracker.outstanding_bytes):
            return
        delivery.lane = self._lane
        priority = delivery.properties.priority or 0
        if priority > ORDINARY_PRIORITY_MAXIMUM and self._on_prioritised is not None:
            self._on_prioritised(delivery.properties.message_id)
        if delivery.redelivered and self._on_redelivered is not None:
            self._on_redelivered()
        self.deliveries += 1
        self._ack_tracker.add(delivery)
        (self.waiting if self._arrivals is None else self._arrivals).append(delivery)
        self._arrived.set()
