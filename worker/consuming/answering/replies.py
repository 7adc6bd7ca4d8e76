"""Replies: to which queues they may go, and the answer to a message that cannot be read."""

import asyncio
import hashlib
from collections.abc import Collection, Iterable
from typing import Final

import aio_pika
from activation_contracts.amqp import properties_of
from activation_contracts.messages import MessageUnreadable, MessageUnreadableData
from activation_contracts.reading import UnreadableError

from worker.broker.delivery import Delivery
from worker.broker.forwarding import cut_to_fit
from worker.broker.publishing.replies import DIRECT_REPLY_TO
from worker.broker.session import BrokerSession
from worker.core.messages.identity import derived_id
from worker.runtime.clock import Clock
from worker.runtime.concurrency import cancelled
from worker.storage.saving import ReplyTo
from worker.telemetry.reporter import Reporter

__all__ = ["ReplyAddresses", "UnreadableAnswers"]

REQUESTERS_OWN: Final = (DIRECT_REPLY_TO, "amq.gen-")
"""How direct reply-to and the queues begin that RabbitMQ named for one client."""

FLUSH_SECONDS: Final = 2


class ReplyAddresses:
    """Decides whether a reply may go to the queue that a `reply_to` names.

    Without this limit, everyone who may publish commands could write to each queue through the
    worker, whose user may publish to all of them.
    """

    def __init__(self, prefixes: Collection[str], reporter: Reporter) -> None:
        self._prefixes = (*REQUESTERS_OWN, *prefixes)
        self._reporter = reporter

    def address_of(self, delivery: Delivery, message_id: str) -> ReplyTo | None:
        """Where to reply, or None. A request without a correlation id is named by its id."""
        queue = delivery.properties.reply_to or ""
        # Tolerant decoding can make a property longer than AMQP can express.
        is_name = "\x00" not in queue and cut_to_fit(queue) == queue
        if not is_name or not queue.startswith(self._prefixes):
            return None
        return ReplyTo(queue, _as_property(delivery.properties.correlation_id or message_id))

    def report_refused(self, deliveries: Iterable[Delivery]) -> None:
        """Counts and logs those that ask for a reply to another queue."""
        for delivery in deliveries:
            queue = delivery.properties.reply_to
            if queue and self.address_of(delivery, "") is None:
                self._reporter.reply_refused(queue)


class UnreadableAnswers:
    """Answers messages that cannot be read, at their `reply_to`.

    An answer has no delivery guarantee, like every reply. The dead letter has one. A message that
    is redelivered before it is acknowledged is answered again, under the same id.
    """

    def __init__(self, session: BrokerSession, addresses: ReplyAddresses, clock: Clock) -> None:
        self._session = session
        self._addresses = addresses
        self._clock = clock
        self._sending: set[asyncio.Task[None]] = set()

    def send(self, delivery: Delivery, error: UnreadableError) -> None:
        """Begins to send the answer, if there is an id and a queue to which it may go."""
        message_id = error.id or _as_property(delivery.properties.message_id)
        self._addresses.report_refused([delivery])
        address = self._addresses.address_of(delivery, message_id)
        if address is None or not message_id:
            return
        answer = self._answer(delivery, error, message_id)
        properties = {**properties_of(answer), "correlation_id": address.correlation_id}
        message = aio_pika.Message(answer.encode(), **properties)
        task = asyncio.create_task(self._session.publisher.reply(message, address.queue))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def flush(self) -> None:
        """Waits up to `FLUSH_SECONDS` for answers that are not sent yet."""
        if self._sending:
            await asyncio.wait(self._sending, timeout=FLUSH_SECONDS)

    async def cancel(self) -> None:
        """Gives up the answers that are not sent yet."""
        await cancelled(list(self._sending))

    def _answer(
        self, delivery: Delivery, error: UnreadableError, message_id: str
    ) -> MessageUnreadable:
        # The content is part of the id: another message under the same id has another answer.
        content = hashlib.sha256(delivery.body).hexdigest()
        return MessageUnreadable(
            id=derived_id(error.source or "", message_id, "unreadable", content),
            time=self._clock(),
            correlationid=message_id,
            causationid=message_id,
            data=MessageUnreadableData(
                id=message_id, source=error.source, code=error.code, detail=error.detail
            ),
        )


def _as_property(text: str | None) -> str:
    return cut_to_fit((text or "").replace("\x00", "")) or ""
