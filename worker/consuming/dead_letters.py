"""Dead-lettering: a message that can never be handled is kept whole, with the reason."""

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

TRY_AGAIN_SECONDS: Final = 2
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
    """Moves messages to the dead-letter queue, while the next ones are handled."""

    def __init__(
        self,
        session: BrokerSession,
        reporter: Reporter,
        when_kept: Callable[[Delivery], Awaitable[None]],
    ) -> None:
        """`when_kept` acknowledges a delivery once its dead letter is confirmed."""
        self._session = session
        self._reporter = reporter
        self._when_kept = when_kept
        self._moving: set[asyncio.Task[None]] = set()

    def put(self, delivery: Delivery, code: str, detail: str) -> None:
        """Begins to move the message; tries until the dead-letter queue confirms it."""
        self._reporter.unreadable(code, detail)
        task = asyncio.create_task(self._move(DeadLetter(delivery, code, detail)))
        self._moving.add(task)
        task.add_done_callback(self._has_ended)

    async def flush(self) -> None:
        """Waits a few seconds for what is on its way."""
        if self._moving:
            await asyncio.wait(self._moving, timeout=FLUSH_SECONDS)

    async def cancel(self) -> None:
        """Stops moving messages; what is not acknowledged is delivered again."""
        await cancelled(list(self._moving))

    async def _move(self, dead_letter: DeadLetter) -> None:
        with contextlib.suppress(BrokerUnavailable, LeadershipLost):
            await self._publish(dead_letter)
            await self._when_kept(dead_letter.delivery)

    async def _publish(self, dead_letter: DeadLetter) -> None:
        """Body and properties stay as they came, unless AMQP cannot express them any more.

        Then only body and content type do. The reason is in the headers.
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
                await asyncio.sleep(TRY_AGAIN_SECONDS)
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
    came = dead_letter.delivery.properties
    return aio_pika.Message(
        dead_letter.delivery.body,
        headers={**dead_letter.delivery.headers, **_reasons(dead_letter)},
        content_type=came.content_type,
        content_encoding=came.content_encoding,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        priority=came.priority,
        correlation_id=came.correlation_id,
        reply_to=came.reply_to,
        message_id=came.message_id,
        timestamp=came.timestamp,
        type=came.message_type,
        app_id=came.app_id,
    )


def _bare(dead_letter: DeadLetter) -> aio_pika.Message:
    return aio_pika.Message(
        dead_letter.delivery.body,
        headers=_reasons(dead_letter),
        # A wrong content type is a reason of its own; without it the message would look as if it
        # had come without one.
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
