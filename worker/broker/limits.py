"""Finds out whether the broker has room for a worker: for its connections and its channels."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from worker.broker.connecting.connection import BrokerUnavailable, channel_on, connect
from worker.broker.session import channels_needed, require_channels
from worker.core.partitions import Layout
from worker.runtime.mistakes import Mistake

__all__ = ["require_room"]

CONNECTIONS: Final = 3
"""To consume, to publish, and for replies."""


async def require_room(urls: Sequence[str], layout: Layout) -> None:
    """Opens what a worker opens, and closes it again. Raises `Mistake` or `BrokerUnavailable`.

    An administrator may limit the connections of a virtual host, a user or a node, and the channels
    of a connection or a user. The first connection alone says nothing of that.
    """
    needed = channels_needed(layout)
    async with AsyncExitStack() as stack:
        connections = []
        for _ in range(CONNECTIONS):
            connections.append(await connect(urls))
            stack.push_async_callback(connections[-1].close)
        require_channels(connections[0], layout)
        try:
            for _ in range(needed):
                await channel_on(connections[0])
        except BrokerUnavailable as error:
            raise Mistake(
                f"RabbitMQ does not open the {needed} channels that a worker needs ({error}): raise"
                " the limit of the user (`rabbitmqctl set_user_limits`), or its max-channels"
            ) from None
