"""What cannot be read is kept whole, with a reason that a person understands."""

import asyncio
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
from worker.telemetry.logs import Action, get_logger

__all__ = ["DeadLetter", "park"]

TRY_AGAIN_SECONDS: Final = 2
DETAIL_MAXIMUM_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A delivery that can never be handled, and why."""

    delivery: Delivery
    code: str
    detail: str


async def park(letter: DeadLetter, link: BrokerSession) -> None:
    """Returns when the dead-letter queue has confirmed it, and tries until then.

    Raises `BrokerUnavailable` when the link is lost; the delivery then comes again.
    Body and properties stay as they came, unless they cannot be said as we read them: then only
    body and content type do. The reason is in the headers.
    """
    message = _kept(letter)
    while True:
        try:
            await link.publisher.send(message, exchange="", routing_key=DEAD_LETTER_QUEUE)
        except NotPublished as error:
            get_logger().error(Action.MESSAGE_DEAD_LETTERED, failed=str(error), code=letter.code)
            if isinstance(error, Unencodable):
                message = _bare(letter)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
        except BrokerUnavailable as error:
            link.fail(str(error))
            raise
        else:
            get_logger().warning(
                Action.MESSAGE_DEAD_LETTERED, code=letter.code, detail=letter.detail
            )
            return


def _kept(letter: DeadLetter) -> aio_pika.Message:
    came = letter.delivery.properties
    return aio_pika.Message(
        letter.delivery.body,
        headers={**letter.delivery.headers, **_reasons(letter)},
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


def _bare(letter: DeadLetter) -> aio_pika.Message:
    return aio_pika.Message(
        letter.delivery.body,
        headers=_reasons(letter),
        # A wrong one is a reason of its own, and must not look as if none had come.
        content_type=cut_to_fit(letter.delivery.properties.content_type),
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )


def _reasons(letter: DeadLetter) -> dict[str, FieldValue]:
    return {
        "x-error-code": letter.code,
        "x-error-detail": letter.detail[:DETAIL_MAXIMUM_CHARACTERS],
        **origin_of(letter.delivery),
        "x-failed-at": datetime.now(UTC).isoformat(),
    }
