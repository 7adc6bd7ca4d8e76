"""Connects the fake PBX to a broker."""

import asyncio
import contextlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from aio_pika.abc import (
    AbstractChannel,
    AbstractExchange,
    AbstractIncomingMessage,
    AbstractQueue,
)
from aio_pika.exceptions import ChannelNotFoundEntity

from activation_contracts.broker.connection import (
    CONNECTION_ERRORS,
    TIMEOUT_SECONDS,
    connected,
    persistent,
)
from activation_contracts.catalogue import (
    CATALOGUE,
    EVENT_EXCHANGE,
    PBX_EXCHANGE,
    RESULT_EXCHANGE,
    definition_of,
)
from activation_contracts.fake_pbx.pbx import MESSAGES, Attempt, FakePbx, step_request
from activation_contracts.messages import PbxResult
from activation_contracts.reading import UnreadableError, read
from activation_contracts.topology import QUORUM

__all__ = ["READY_LINE", "Service", "TopologyMissing"]

READY_LINE: Final = "The fake PBX is ready."

PAUSE_SECONDS: Final = 2
PREFETCH_MESSAGES: Final = 1000
"""High, because delayed attempts must not block the others."""
REORDERING_SECONDS: Final = 2
"""The longest delay of a reordered result if no other result follows."""
OWN_QUEUE_EXPIRES_MILLISECONDS: Final = 600_000
"""The fake PBX's own queue survives a restart and expires ten minutes after its last use."""

_ACTIVATIONS: Final = (EVENT_EXCHANGE, "phone_number.status.pending")
_PBX_MESSAGES: Final = tuple(row for row in CATALOGUE if row.exchange == PBX_EXCHANGE)


class TopologyMissing(Exception):
    """A queue or an exchange is missing at the broker; the text names it."""


class _ConnectionLost(Exception):
    """The connection was lost; the text is the reason."""


class Service:
    """Serves requests until it is cancelled; reconnects after each loss of the connection.

    `report` gets one line of text for each event.
    """

    def __init__(
        self, pbx: FakePbx, url: str, *, site_id: str | None, report: Callable[[str], None]
    ) -> None:
        self._pbx = pbx
        self._url = url
        self._site_id = site_id
        self._report = report
        self._reordering = False
        self._published = asyncio.Event()

    async def run(self) -> None:
        """Runs until cancelled. Raises `TopologyMissing`."""
        address = urlsplit(self._url)
        while True:
            try:
                await self._serve()
            except ChannelNotFoundEntity as error:
                raise TopologyMissing(str(error)) from error
            except (_ConnectionLost, *CONNECTION_ERRORS) as error:
                reason = str(error) or type(error).__name__
                self._report(f"RabbitMQ at {address.hostname}:{address.port or 5672}: {reason}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _serve(self) -> None:
        deliveries: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        async with connected(self._url) as connection:
            lost = asyncio.Event()
            connection.close_callbacks.add(lambda *_: lost.set())
            channel = await connection.channel()
            publishing = await connection.channel(on_return_raises=True)
            results = await publishing.get_exchange(RESULT_EXCHANGE)
            await channel.set_qos(PREFETCH_MESSAGES)
            # The only notice of a deleted queue; without it the consumer would wait forever.
            underlay = await channel.get_underlay_channel()
            underlay.on_consumer_cancel_callbacks.add(lambda _: lost.set())
            for queue in await self._queues(channel):
                await queue.consume(deliveries.put)
            self._report(READY_LINE)
            await self._handle_all(deliveries, results, lost)

    async def _queues(self, channel: AbstractChannel) -> list[AbstractQueue]:
        """The common PBX queues, or one queue for the site; with the own queue for activations."""
        own = await channel.declare_queue(
            ".".join(filter(None, ("pbx.fake", self._site_id))),
            durable=True,
            arguments={**QUORUM, "x-expires": OWN_QUEUE_EXPIRES_MILLISECONDS},
        )
        await own.bind(*_ACTIVATIONS)
        if self._site_id is None:
            names = (row.queue for row in _PBX_MESSAGES if row.queue is not None)
            return [own, *[await channel.get_queue(name) for name in names]]
        for row in _PBX_MESSAGES:
            await own.bind(row.exchange, row.routing_key.format(site_id=self._site_id))
        return [own]

    async def _handle_all(
        self,
        deliveries: "asyncio.Queue[AbstractIncomingMessage]",
        results: AbstractExchange,
        lost: asyncio.Event,
    ) -> None:
        """Handles each delivery in its own task; the first failure cancels all of them."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_until(lost))
                while True:
                    group.create_task(self._handle(await deliveries.get(), results))
        except ExceptionGroup as errors:
            # Not `except*`: Python 3.11.2 of Debian 12 wraps what it raises in a group.
            if errors.split((_ConnectionLost, *CONNECTION_ERRORS))[1] is not None:
                raise
            raise _ConnectionLost(str(_first_exception(errors)) or "no answer") from errors

    async def _handle(self, delivery: AbstractIncomingMessage, results: AbstractExchange) -> None:
        try:
            message = read(delivery.body, delivery.content_type, MESSAGES)
        except UnreadableError as error:
            self._report(f"unreadable: {error}: {delivery.body!r}")
        else:
            request = step_request(message)
            if request is not None and self._pbx.serves(request):
                redelivered = bool(delivery.redelivered)
                await self._carry_out(self._pbx.begin(request, redelivered=redelivered), results)
        # Only after the broker has confirmed the result: an unacknowledged delivery is redelivered.
        await delivery.ack()

    async def _carry_out(self, attempt: Attempt, results: AbstractExchange) -> None:
        if attempt.reaction.delay_seconds:
            self._report(f"{_summary(attempt)}: takes {attempt.reaction.delay_seconds:g} s")
            await asyncio.sleep(attempt.reaction.delay_seconds)
        # After the delay, because a newer request may have arrived meanwhile.
        if self._pbx.is_outdated(attempt.request):
            self._report(f"{_summary(attempt)}: dropped, a newer request was applied")
            return
        result = self._pbx.carry_out(attempt, datetime.now(UTC))
        if attempt.reaction.reordered:
            await self._wait_for_next_result(attempt)
        for _ in range(attempt.reaction.results):
            await _publish(results, result)
        answer = ", ".join(filter(None, (result.data.result, result.data.code)))
        published = {0: "not published", 1: "published", 2: "published twice"}[
            attempt.reaction.results
        ]
        self._report(f"{_summary(attempt)}: {answer} ({published})")
        if attempt.reaction.results:
            self._published.set()

    async def _wait_for_next_result(self, attempt: Attempt) -> None:
        # One at a time: the next result goes first, even if it is to be reordered as well.
        if self._reordering:
            return
        self._reordering = True
        self._report(f"{_summary(attempt)}: the result waits for the next one")
        try:
            self._published.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._published.wait(), REORDERING_SECONDS)
        finally:
            self._reordering = False


async def _until(lost: asyncio.Event) -> None:
    await lost.wait()
    raise _ConnectionLost("the connection or a queue was closed")


async def _publish(results: AbstractExchange, result: PbxResult) -> None:
    message = persistent(result, result.encode())
    routing_key = definition_of(PbxResult).routing_key
    await results.publish(message, routing_key, mandatory=True, timeout=TIMEOUT_SECONDS)


def _summary(attempt: Attempt) -> str:
    request = attempt.request
    return (
        f"{request.step} {request.phone_number} sequence {request.sequence}: {request.state},"
        f" attempt {attempt.number}"
    )


def _first_exception(errors: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first exception, also from nested groups."""
    first = errors.exceptions[0]
    return _first_exception(first) if isinstance(first, BaseExceptionGroup) else first
