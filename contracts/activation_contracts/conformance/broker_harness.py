"""The harness at a broker: acts as the worker towards the PBX under test."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Final
from uuid import uuid4

from aio_pika.abc import (
    AbstractChannel,
    AbstractConnection,
    AbstractExchange,
    AbstractIncomingMessage,
    DeliveryMode,
)
from aio_pika.exceptions import ChannelNotFoundEntity, DeliveryError, PublishError

from activation_contracts.broker.connection import TIMEOUT_SECONDS, connected, persistent
from activation_contracts.building import pbx_result
from activation_contracts.catalogue import (
    CATALOGUE,
    EVENT_EXCHANGE,
    PBX_EXCHANGE,
    RESULT_EXCHANGE,
    RESULT_QUEUE,
    definition_of,
)
from activation_contracts.conformance.requests import Request
from activation_contracts.conformance.transcript import Arrival
from activation_contracts.messages import PbxResult, StatusChanged
from activation_contracts.values import StepResult

__all__ = ["BrokerHarness", "QueueInUse", "TopologyMissing", "broker_harness"]

PBX_QUEUES: Final = tuple(
    row.queue for row in CATALOGUE if row.exchange == PBX_EXCHANGE and row.queue is not None
)
PREFETCH_MESSAGES: Final = 100
MARK_SECONDS: Final = 5
"""How long a result may take to arrive where nothing else consumes."""
OWN_VIRTUAL_HOST: Final = "use a virtual host that only this test uses (--vhost)"

OnArrival = Callable[[Arrival], Awaitable[None]]


class QueueInUse(Exception):
    """A queue holds messages, or has another consumer; the text names it and the remedy."""


class TopologyMissing(Exception):
    """A queue or an exchange is missing at the broker; the text names it and the remedy."""


class BrokerHarness:
    """Publishes requests as a worker does, and remembers which it published."""

    def __init__(
        self, connection: AbstractConnection, exchanges: dict[str, AbstractExchange]
    ) -> None:
        self._connection = connection
        self._exchanges = exchanges
        self._sent: set[str] = set()

    async def send(self, request: Request) -> str | None:
        """Returns when the broker has confirmed it; the text says why it did not take it."""
        self._sent.add(request.id)
        try:
            await self._exchanges[request.exchange].publish(
                persistent(request.message, request.body),
                request.routing_key,
                mandatory=_must_be_routed(request),
                timeout=TIMEOUT_SECONDS,
            )
        except PublishError:
            return f"no queue is bound to {request.exchange} by {request.routing_key}"
        except DeliveryError:
            return f"a queue of {request.exchange} by {request.routing_key} refused it"
        return None

    async def receive(self, on_arrival: OnArrival) -> None:
        """Consumes the results. Raises `QueueInUse` if it is not the only consumer.

        The queue has a single active consumer, and the counts of consumers are wrong in many series
        of RabbitMQ. Therefore it publishes a result for an unknown request, which does no harm
        elsewhere, and waits for it.
        """
        mark = str(uuid4())
        first: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

        async def deliver(delivery: AbstractIncomingMessage) -> None:
            if not first.done():
                first.set_result(delivery.message_id)
            is_mark = delivery.message_id == mark
            if not is_mark and first.result() != mark:
                # The queue is in use: without an acknowledgement the broker returns it.
                return
            if not is_mark:
                await on_arrival(_arrival(delivery))
            await delivery.ack()

        channel = await self._connection.channel()
        await channel.set_qos(PREFETCH_MESSAGES)
        await (await channel.get_queue(RESULT_QUEUE, ensure=False)).consume(deliver)
        await self._publish_mark(mark)
        try:
            arrived = await asyncio.wait_for(first, MARK_SECONDS)
        except TimeoutError:
            raise QueueInUse(
                f"Another consumer reads {RESULT_QUEUE}: stop the worker, or {OWN_VIRTUAL_HOST}."
            ) from None
        if arrived != mark:
            raise QueueInUse(
                f"A result arrived in {RESULT_QUEUE} before the test began: stop what publishes"
                f" there, or {OWN_VIRTUAL_HOST}."
            )

    async def _publish_mark(self, mark: str) -> None:
        result = pbx_result(mark, StepResult.NOT_APPLICABLE, source="/conformance", id=mark)
        await self._exchanges[RESULT_EXCHANGE].publish(
            persistent(result, result.encode()),
            definition_of(PbxResult).routing_key,
            timeout=TIMEOUT_SECONDS,
        )

    async def remove_leftovers(self) -> dict[str, int]:
        """Removes the own requests that nothing has consumed; returns how many, by queue."""
        removed: dict[str, int] = {}
        async with self._connection.channel() as channel:
            for name in PBX_QUEUES:
                if count := await self._remove_own(channel, name):
                    removed[name] = count
        return removed

    async def _remove_own(self, channel: AbstractChannel, name: str) -> int:
        queue = await channel.get_queue(name, ensure=False)
        others = []
        count = 0
        while (delivery := await queue.get(fail=False, timeout=TIMEOUT_SECONDS)) is not None:
            if delivery.message_id in self._sent:
                await delivery.ack()
                count += 1
            else:
                others.append(delivery)
        for delivery in others:
            await delivery.nack(requeue=True)
        return count


def _must_be_routed(request: Request) -> bool:
    """Whether nothing can answer it unless a queue receives it."""
    return request.exchange == PBX_EXCHANGE or (
        isinstance(request.message, StatusChanged) and request.expectation.needs_answer
    )


@asynccontextmanager
async def broker_harness(url: str, *, purges: bool) -> AsyncIterator[BrokerHarness]:
    """A harness at this broker. With `purges` it empties the queues first.

    Raises `QueueInUse` if a queue holds messages, and `TopologyMissing`.
    """
    async with connected(url) as connection:
        try:
            await _require_empty(connection, [*PBX_QUEUES, RESULT_QUEUE], purges=purges)
            channel = await connection.channel(on_return_raises=True)
            exchanges = {
                name: await channel.get_exchange(name)
                for name in (PBX_EXCHANGE, EVENT_EXCHANGE, RESULT_EXCHANGE)
            }
        except ChannelNotFoundEntity as error:
            raise TopologyMissing(
                f"{error}. Import exported/rabbitmq-definitions.json into this virtual host, or"
                " run `activation-worker topology`."
            ) from error
        yield BrokerHarness(connection, exchanges)


async def _require_empty(
    connection: AbstractConnection, names: Iterable[str], *, purges: bool
) -> None:
    for name in names:
        async with connection.channel() as channel:
            queue = await channel.declare_queue(name, passive=True)
            if purges:
                await queue.purge()
            elif count := queue.declaration_result.message_count:
                raise QueueInUse(
                    f"The queue {name} holds {count} messages: {OWN_VIRTUAL_HOST}, or have the"
                    " queues emptied first (--purge)."
                )


def _arrival(delivery: AbstractIncomingMessage) -> Arrival:
    return Arrival(
        body=delivery.body,
        content_type=delivery.content_type,
        content_encoding=delivery.content_encoding,
        headers=delivery.headers,
        routing_key=delivery.routing_key,
        is_persistent=delivery.delivery_mode == DeliveryMode.PERSISTENT,
    )
