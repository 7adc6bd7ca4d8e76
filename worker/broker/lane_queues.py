"""The queues of several lanes: between the distribution and the lanes, and nobody else's business.

Their names carry how many there are. So a former distributor that wakes up after a change can only
publish to where nothing is bound any more: it gets its message back, and acknowledges nothing.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelClosed

from contracts.catalogue import COMMAND_QUEUE
from contracts.topology import QUEUES, Binding, Exchange, Queue
from worker.broker.connection import channel_on
from worker.broker.topology import TopologyMismatch, declare_exchange, declare_queue, verified

__all__ = [
    "LANE_EXCHANGE",
    "declare_lanes",
    "delete_lanes",
    "fence_off_lanes",
    "queue_name_of",
    "queue_names_of",
]

LANE_EXCHANGE: Final = "telephony.phone_number.lanes"
DECLARE_TIMEOUT_SECONDS: Final = 15
_ARGUMENTS: Final = next(queue.arguments for queue in QUEUES if queue.name == COMMAND_QUEUE)


def queue_name_of(lane: int, lanes: int) -> str:
    """Where the lane reads its commands; the only one reads them where they are published to."""
    return COMMAND_QUEUE if lanes == 1 else f"{COMMAND_QUEUE}.lane-{lane}-of-{lanes}"


def queue_names_of(lanes: int) -> Sequence[str]:
    """The queues that there are for so many lanes; none of its own for one."""
    return [queue_name_of(lane, lanes) for lane in range(lanes)] if lanes > 1 else []


async def declare_lanes(connection: AbstractConnection, lanes: int) -> None:
    """Makes their queues, or verifies them. Raises `TopologyMismatch`."""
    names, command = queue_names_of(lanes), f"lanes {lanes}"
    if names:
        exchange = Exchange(LANE_EXCHANGE, "direct")
        declaration = declare_exchange(connection, exchange)
        await verified(declaration, f"exchange {exchange.name!r}", command=command)
    for name in names:
        queue = Queue(name, (Binding(LANE_EXCHANGE, name),), _ARGUMENTS)
        await verified(declare_queue(connection, queue), f"queue {name!r}", command=command)


async def fence_off_lanes(connection: AbstractConnection, lanes: int) -> None:
    """From now on nothing reaches their queues by way of the exchange."""
    for name in queue_names_of(lanes):
        with _explained(f"the binding of queue {name!r}"):
            async with await channel_on(connection) as channel:
                queue = await channel.get_queue(name, ensure=False)
                await queue.unbind(LANE_EXCHANGE, name, timeout=DECLARE_TIMEOUT_SECONDS)


async def delete_lanes(connection: AbstractConnection, lanes: int) -> None:
    """Deletes their queues, with all that is in them."""
    for name in queue_names_of(lanes):
        with _explained(f"queue {name!r}"):
            async with await channel_on(connection) as channel:
                await channel.queue_delete(name, timeout=DECLARE_TIMEOUT_SECONDS)


@contextmanager
def _explained(what: str) -> Iterator[None]:
    try:
        yield
    except ChannelClosed as error:
        message = (
            f"The {what} could not be removed. The broker says: {error}. Let a user with configure"
            " and write permission run the same command again: it goes on where it stopped."
        )
        raise TopologyMismatch(message) from None
