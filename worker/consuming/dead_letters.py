"""Dead-letters messages that can never be handled: unchanged, with the reason in the headers."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import aio_pika
from aio_pika.abc import FieldValue

from contracts.topology import DEAD_LETTER_QUEUE
from worker.broker.confirm_channel import NotPublished, Unencodable
from worker.broker.connection import BrokerUnavailable
from worker.broker.delivery import Delivery
from worker.broker.forwarding import cut_to_fit, origin_of
from worker.broker.session import BrokerSession
from worker.runtime.concurrency import cancelled
from worker.storage.errors import LeadershipLost
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.reporter import Reporter

__all__ = ["DeadLetter", "DeadLetters"]

RETRY_SECONDS: Final = 2
DETAIL_MAXIMUM_CHARACTERS: Final = 500
FLUSH_SECONDS: Final = 5
"""How long an orderly stop waits for dead letters that are not confirmed yet."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that can never be handled, and why."""

    delivery: Delivery
    code: str
    detail: str


class DeadLetters:
    """Moves messages to the dead-letter queue while the consumer handles the next ones."""

    def __init__(
        self,
        session: BrokerSession,
        reporter: Reporter,
        acknowledge: Callable[[Delivery], Awaitable[None]],
    ) -> None:
        """`acknowledge` is called for a delivery once its dead letter is confirmed."""
        self._session = session
        self._reporter = reporter
        self._acknowledge = acknowledge
        self._moving: set[asyncio.Task[None]] = set()

    def put(self, delivery: Delivery, code: str, detail: str) -> None:
        """Begins to move the message; tries until the dead-letter queue confirms it."""
        self._reporter.unreadable(code, detail)
        task = asyncio.create_task(self._move(DeadLetter(delivery, code, detail)))
        self._moving.add(task)
        task.add_done_callback(self._has_ended)

    async def flush(self) -> None:
        """Waits up to `FLUSH_SECONDS` for dead letters that are not confirmed yet."""
        if self._moving:
            await asyncio.wait(self._moving, timeout=FLUSH_SECONDS)

    async def cancel(self) -> None:
        """Stops moving messages; the broker redelivers those that are not acknowledged."""
        await cancelled(list(self._moving))

    async def _move(self, dead_letter: DeadLetter) -> None:
        with contextlib.suppress(BrokerUnavailable, LeadershipLost):
            await self._publish(dead_letter)
            await self._acknowledge(dead_letter.delivery)

    async def _publish(self, dead_letter: DeadLetter) -> None:
        """Publishes the body and all properties, with the reason in the headers.

        If AMQP cannot encode these properties, it publishes the body and content type alone.
        """
        message = _whole(dead_letter)
        code, detail = dead_letter.code, dead_letter.detail
        while True:
            try:
                await self._session.publisher.send(
                    message, exchange="", routing_key=DEAD_LETTER_QUEUE
                )
            except NotPublished as error:
                get_logger().error(Action.MESSAGE_DEAD_LETTERED, failed=str(error), code=code)
                if isinstance(error, Unencodable):
                    message = _bare(dead_letter)
                await asyncio.sleep(RETRY_SECONDS)
            except BrokerUnavailable as error:
                self._session.fail(str(error))
                raise
            else:
                get_logger().warning(Action.MESSAGE_DEAD_LETTERED, code=code, detail=detail)
                return

    def _has_ended(self, task: asyncio.Task[None]) -> None:
        self._moving.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._session.fail(f"a message could not be dead-lettered: {error}")
            get_logger().error(Action.UNEXPECTED_ERROR, exc_info=error)


def _whole(dead_letter: DeadLetter) -> aio_pika.Message:
    properties = dead_letter.delivery.properties
    return aio_pika.Message(
        dead_letter.delivery.body,
        headers={**dead_letter.delivery.headers, **_reasons(dead_letter)},
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        priority=properties.priority,
        correlation_id=properties.correlation_id,
        reply_to=properties.reply_to,
        message_id=properties.message_id,
        timestamp=properties.timestamp,
        type=properties.message_type,
        app_id=properties.app_id,
    )


def _bare(dead_letter: DeadLetter) -> aio_pika.Message:
    return aio_pika.Message(
        dead_letter.delivery.body,
        headers=_reasons(dead_letter),
        # A wrong content type can be the reason: the dead letter must show it.
        content_type=cut_to_fit(dead_letter.delivery.properties.content_type),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def _reasons(dead_letter: DeadLetter) -> dict[str, FieldValue]:
    return {
        "x-error-code": dead_letter.code,
        "x-error-detail": dead_letter.detail[:DETAIL_MAXIMUM_CHARACTERS],
        **origin_of(dead_letter.delivery),
        "x-failed-at": datetime.now(UTC).isoformat(),
    }
