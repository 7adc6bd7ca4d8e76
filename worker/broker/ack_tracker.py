"""Acknowledgements: each delivery once, many in one frame where that is safe."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import takewhile

from worker.broker.connection import CONNECTION_ERRORS, BrokerUnavailable
from worker.broker.delivery import Delivery

__all__ = ["AckTracker"]


class AckTracker:
    """The only one that acknowledges on its channel.

    `multiple` acknowledges every tag up to the one named, those still worked on included, and a
    tag that is acknowledged twice closes the channel: so all outstanding ones are known here.
    """

    def __init__(self) -> None:
        self._outstanding: OrderedDict[int, None] = OrderedDict()
        # Frames must leave in the order in which they were planned: a single one that is
        # overtaken by a `multiple` beyond it would acknowledge its tag a second time.
        self._one_at_a_time = asyncio.Lock()

    @property
    def outstanding(self) -> int:
        """How many deliveries are not acknowledged."""
        return len(self._outstanding)

    def received(self, delivery: Delivery) -> None:
        """Notes a delivery, in the order of arrival."""
        self._outstanding[delivery.tag] = None

    async def settle(self, deliveries: Iterable[Delivery]) -> None:
        """Acknowledges what is dealt with.

        Raises `BrokerUnavailable` when the channel is gone: then all of it comes again, and the
        ledger knows it.
        """
        settled = {delivery.tag: delivery for delivery in deliveries}
        async with self._one_at_a_time:
            try:
                await self._acknowledge(settled)
            except CONNECTION_ERRORS as error:
                raise BrokerUnavailable(str(error) or type(error).__name__) from error

    async def _acknowledge(self, settled: Mapping[int, Delivery]) -> None:
        prefix = list(takewhile(settled.__contains__, self._outstanding))
        for tag in settled:
            self._outstanding.pop(tag)
        if prefix:
            await settled[prefix[-1]].acknowledge(multiple=True)
        for tag in settled.keys() - prefix:
            await settled[tag].acknowledge()
