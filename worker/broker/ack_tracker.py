"""Acknowledges each delivery of a channel once, many in one frame where that is safe."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import takewhile
from time import monotonic

from worker.broker.delivery import Delivery

__all__ = ["AckTracker"]


class AckTracker:
    """Sends all acknowledgements of one channel.

    `multiple` acknowledges every tag up to the one named, also those of messages that are still
    being handled, and the broker closes the channel for a tag that is acknowledged twice. So the
    tracker keeps all outstanding tags.
    """

    def __init__(self) -> None:
        self._outstanding: OrderedDict[int, int] = OrderedDict()
        self._progressed_at = 0.0
        """When it last acknowledged a delivery, or got one and had none."""
        self.outstanding_bytes = 0
        """The size of the bodies of the deliveries that are not acknowledged."""
        # Frames must be written in the order in which they were computed: a `multiple` that
        # overtakes a single acknowledgement below it would acknowledge that tag twice.
        self._sending = asyncio.Lock()

    @property
    def outstanding(self) -> int:
        """The number of deliveries that are not acknowledged."""
        return len(self._outstanding)

    @property
    def stall_seconds(self) -> float:
        """How long deliveries have been outstanding and none was acknowledged; 0 without any."""
        return monotonic() - self._progressed_at if self._outstanding else 0.0

    def add(self, delivery: Delivery) -> None:
        """Adds an outstanding delivery; call it in the order of arrival."""
        if not self._outstanding:
            self._progressed_at = monotonic()
        self._outstanding[delivery.tag] = len(delivery.body)
        self.outstanding_bytes += len(delivery.body)

    async def ack(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledges these deliveries.

        Raises `BrokerUnavailable` when the channel is closed: the broker redelivers them, and the
        ledger recognises them.
        """
        by_tag = {delivery.tag: delivery for delivery in deliveries}
        async with self._sending:
            await self._acknowledge(by_tag)

    async def _acknowledge(self, by_tag: Mapping[int, Delivery]) -> None:
        prefix = list(takewhile(by_tag.__contains__, self._outstanding))
        for tag in by_tag:
            self.outstanding_bytes -= self._outstanding.pop(tag)
        if prefix:
            await by_tag[prefix[-1]].acknowledge(multiple=True)
        for tag in by_tag.keys() - prefix:
            await by_tag[tag].acknowledge()
        self._progressed_at = monotonic()
