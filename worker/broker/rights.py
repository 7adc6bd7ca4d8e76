"""Finds missing rights of this user without changing anything.

The broker checks a right before it checks the arguments of a request. So each request here has an
argument that the broker always refuses: `ACCESS_REFUSED` means that the right is missing, and any
other refusal that it is there.
"""

from collections.abc import Awaitable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, cast

from activation_contracts.catalogue import (
    DIRECTORY_QUEUE,
    EVENT_EXCHANGE,
    PBX_EXCHANGE,
    REPORT_QUEUE,
    RESULT_QUEUE,
)
from activation_contracts.topology import Exchange, Queue
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelClosed
from aiormq import spec
from aiormq.exceptions import ChannelAccessRefused
from typing_extensions import override

from worker.broker.connecting.connection import (
    CONNECTION_ERRORS,
    BrokerUnavailable,
    channel_on,
    connect,
)
from worker.broker.partition_queues import PARTITION_EXCHANGE, SOURCES, queue_names_of
from worker.broker.publishing.batch_confirms import publish_batch
from worker.broker.publishing.publication import Publication
from worker.core.partitions import Layout
from worker.runtime.concurrency import limited
from worker.runtime.mistakes import Mistake

if TYPE_CHECKING:
    from aiormq import Channel
    from pamqp.common import FieldValue

__all__ = [
    "Right",
    "missing_rights",
    "require_rights",
    "rights_to_declare",
    "rights_to_repartition",
    "rights_to_serve",
]

DEFAULT_EXCHANGE: Final = "amq.default"
"""The name of the default exchange in permissions."""
REFUSED_ARGUMENT: Final = "refused"
ANSWER_SECONDS: Final = 5


class Right(NamedTuple):
    """A permission on an exchange or a queue."""

    kind: Literal["configure", "write", "read"]
    what: Literal["exchange", "queue"]
    name: str
    partner: str = ""
    """The exchange or queue with which it is bound, for the right to bind."""

    @override
    def __str__(self) -> str:
        return f"{self.kind} {self.what} {self.name!r}"


def rights_to_serve(layout: Layout) -> list[Right]:
    """The rights of a worker that finds its exchanges and queues declared."""
    queues = dict.fromkeys(
        [*SOURCES, REPORT_QUEUE, RESULT_QUEUE, DIRECTORY_QUEUE, *queue_names_of(layout)]
    )
    exchanges = [EVENT_EXCHANGE, PBX_EXCHANGE, DEFAULT_EXCHANGE]
    if layout.routed:
        exchanges.append(PARTITION_EXCHANGE)
    return [
        *(Right("read", "queue", name) for name in queues),
        *(Right("write", "exchange", name) for name in exchanges),
    ]


def rights_to_declare(exchanges: Iterable[Exchange], queues: Iterable[Queue]) -> list[Right]:
    """The rights that declaring these needs: to declare, to bind, and to dead-letter."""
    rights: list[Right] = []
    for exchange in exchanges:
        rights.append(Right("configure", "exchange", exchange.name))
        if alternate := exchange.arguments.get("alternate-exchange"):
            rights.append(Right("write", "exchange", str(alternate)))
    for queue in queues:
        rights.append(Right("configure", "queue", queue.name))
        if "x-dead-letter-exchange" in queue.arguments:
            rights.append(Right("read", "queue", queue.name))
            rights.append(Right("write", "exchange", DEFAULT_EXCHANGE))
        for binding in queue.bindings:
            rights += _rights_to_bind(queue.name, binding.exchange)
    return rights


def rights_to_repartition(queues: Iterable[str]) -> list[Right]:
    """The rights that a change of the number of partitions needs, with these queues."""
    rights = [
        Right("configure", "exchange", PARTITION_EXCHANGE),
        Right("write", "exchange", DEFAULT_EXCHANGE),
    ]
    for name in queues:
        rights += [Right("configure", "queue", name), Right("read", "queue", name)]
        rights += _rights_to_bind(name, PARTITION_EXCHANGE)
    return rights


def _rights_to_bind(queue: str, exchange: str) -> list[Right]:
    return [Right("write", "queue", queue, exchange), Right("read", "exchange", exchange, queue)]


async def missing_rights(urls: Sequence[str], needed: Iterable[Right]) -> list[Right]:
    """Those of the rights that this user lacks, each once. Raises `BrokerUnavailable`.

    Uses a connection of its own, because it publishes: a broker that is short of memory or disk
    reads nothing more from such a connection. Then it cannot tell, and reports no more rights.
    """
    different = {right[:3]: right for right in needed}
    missing: dict[Right, None] = {}
    connection = await connect(urls)
    try:
        for right in sorted(different.values(), key=_publishes):
            if not await limited(_has(connection, right), ANSWER_SECONDS):
                missing[right] = None
    except TimeoutError:
        return list(missing)
    except CONNECTION_ERRORS as error:
        raise BrokerUnavailable(str(error) or type(error).__name__) from error
    finally:
        await connection.close()
    return list(missing)


def _publishes(right: Right) -> bool:
    return right.kind == "write" and not right.partner


async def require_rights(urls: Sequence[str], needed: Sequence[Right], purpose: str) -> None:
    """Raises `Mistake` if this user lacks one of the rights; the text names all that it lacks."""
    missing = await missing_rights(urls, needed)
    if missing:
        raise Mistake(
            f"The RabbitMQ user of AMQP_URL lacks rights that {purpose} needs:"
            f" {', '.join(map(str, missing))}. Grant them with `rabbitmqctl set_permissions`."
        )


async def _has(connection: AbstractConnection, right: Right) -> bool:
    # A channel for each: the broker closes it.
    channel = await channel_on(connection)
    try:
        await _attempt(cast("Channel", await channel.get_underlay_channel()), right)
    except ChannelAccessRefused as error:
        # To bind needs two rights, and the broker names the one that is missing.
        return f"access to {right.what} " not in str(error)
    except ChannelClosed:
        return True
    await channel.close()
    return True


def _attempt(channel: "Channel", right: Right) -> Awaitable[object]:
    """Makes a request that needs the right and changes nothing, whether or not it is there."""
    if right.partner:
        return _unbind(channel, right)
    if right.kind == "read":
        return _consume(channel, right.name)
    if right.kind == "write":
        return _publish(channel, "" if right.name == DEFAULT_EXCHANGE else right.name)
    return (_declare_queue if right.what == "queue" else _declare_exchange)(channel, right.name)


def _unbind(channel: "Channel", right: Right) -> Awaitable[object]:
    is_queue = right.what == "queue"
    queue, exchange = (right.name, right.partner) if is_queue else (right.partner, right.name)
    # There is no such binding.
    return channel.queue_unbind(queue, exchange, REFUSED_ARGUMENT)


def _consume(channel: "Channel", queue: str) -> Awaitable[object]:
    arguments: dict[str, FieldValue] = {"x-priority": REFUSED_ARGUMENT}
    return channel.basic_consume(queue, _ignore, arguments=arguments)


async def _publish(channel: "Channel", exchange: str) -> None:
    properties = spec.Basic.Properties(expiration=REFUSED_ARGUMENT, message_id=REFUSED_ARGUMENT)
    batch = await publish_batch(channel, [Publication(exchange, "", properties, b"")])
    await batch.settled
    batch.confirms[0].result()


def _declare_queue(channel: "Channel", queue: str) -> Awaitable[object]:
    arguments: dict[str, FieldValue] = {"x-expires": REFUSED_ARGUMENT}
    return channel.queue_declare(queue, durable=True, arguments=arguments)


def _declare_exchange(channel: "Channel", exchange: str) -> Awaitable[object]:
    return channel.exchange_declare(
        exchange,
        exchange_type="fanout",
        durable=True,
        arguments={"alternate-exchange": 1},
    )


async def _ignore(_message: object) -> None:
    """Receives nothing: the broker refuses the consumer."""
