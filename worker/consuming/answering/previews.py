"""Publishes the answers to previews: to everyone who subscribes, and to the requester."""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from activation_contracts.catalogue import definition_of
from activation_contracts.messages import Previewed

from worker.broker.connecting.connection import (
    CONNECTION_ERRORS,
    BrokerRefused,
    BrokerUnavailable,
)
from worker.broker.publishing.confirm_channel import ConfirmChannel, Unroutable
from worker.broker.publishing.publication import Publication, publication_of
from worker.broker.publishing.replies import ReplyPublisher
from worker.runtime.concurrency import cancelled, limited
from worker.storage.saving import ReplyTo
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.reporter import Reporter

__all__ = ["PreviewAnswer", "PreviewAnswers"]

WAITING_MAXIMUM: Final = 5_000
"""The most answers that wait, a few megabytes: those of a broker that takes none are lost."""
BATCH_MAXIMUM: Final = 500
PUBLISH_TIMEOUT_SECONDS: Final = 10
FLUSH_SECONDS: Final = 2


class PreviewAnswer(NamedTuple):
    """An answer, and where it goes besides the exchange of events."""

    message: Previewed
    reply_to: ReplyTo | None


class PreviewAnswers:
    """Publishes answers beside the loop that decides: neither commands nor their events wait.

    Each goes to the exchange of events, with a confirm, and then to the requester. An answer is not
    stored and has no delivery guarantee, like every reply: a preview changes nothing, and is asked
    for again.
    """

    def __init__(self, events: ConfirmChannel, replies: ReplyPublisher, reporter: Reporter) -> None:
        """Publishes events on the channel `events`, which carries nothing else."""
        self._events = events
        self._replies = replies
        self._reporter = reporter
        self._waiting: deque[PreviewAnswer] = deque()
        self._being_sent: Sequence[PreviewAnswer] = ()
        self._sending: asyncio.Task[None] | None = None

    def send(self, answers: Sequence[PreviewAnswer]) -> None:
        """Begins to publish the answers; those that find no room are lost."""
        room = WAITING_MAXIMUM - len(self._waiting)
        self._waiting.extend(answers[:room])
        if len(answers) > room:
            self._reporter.previews_lost(len(answers) - room, "too many answers wait")
        if self._waiting and (self._sending is None or self._sending.done()):
            self._sending = asyncio.create_task(self._send_waiting())

    async def close(self) -> None:
        """Waits up to `FLUSH_SECONDS` for answers that are not sent yet; the others are lost."""
        if self._sending is not None:
            await asyncio.wait([self._sending], timeout=FLUSH_SECONDS)
            await cancelled([self._sending])
        given_up = len(self._waiting) + len(self._being_sent)
        self._waiting.clear()
        if given_up:
            self._reporter.previews_lost(given_up, "the worker stops")

    async def _send_waiting(self) -> None:
        while self._waiting:
            size = min(BATCH_MAXIMUM, len(self._waiting))
            self._being_sent = [self._waiting.popleft() for _ in range(size)]
            try:
                await self._publish(self._being_sent)
            except Exception as error:  # noqa: BLE001 -- a defect must not end the task unseen
                get_logger().error(Action.UNEXPECTED_ERROR, exc_info=error)
                self._reporter.previews_lost(size, "an unexpected error")
            # Not if the task is cancelled: `close` counts these then.
            self._being_sent = ()

    async def _publish(self, batch: Sequence[PreviewAnswer]) -> None:
        await self._publish_events(batch)
        await self._replies.publish(list(_replies(batch)))

    async def _publish_events(self, batch: Sequence[PreviewAnswer]) -> None:
        # Equal answers have the same id, and no two messages in flight may share one.
        messages = {answer.message.id: answer.message for answer in batch}
        publications = [_event(message) for message in messages.values()]
        try:
            problems = await limited(self._events.publish(publications), PUBLISH_TIMEOUT_SECONDS)
        except (*CONNECTION_ERRORS, BrokerUnavailable, BrokerRefused) as error:
            self._reporter.previews_lost(len(publications), str(error) or type(error).__name__)
            return
        # An event without a subscriber is none that was lost.
        lost = [it for it in problems if it is not None and not isinstance(it, Unroutable)]
        if lost:
            self._reporter.previews_lost(len(lost), str(lost[0]))


def _event(message: Previewed) -> Publication:
    definition = definition_of(Previewed)
    return publication_of(
        message,
        exchange=definition.exchange,
        routing_key=definition.routing_key,
        correlation_id=message.correlationid,
    )


def _replies(batch: Iterable[PreviewAnswer]) -> Iterable[Publication]:
    for message, reply_to in batch:
        if reply_to is not None:
            yield publication_of(
                message,
                exchange="",
                routing_key=reply_to.queue,
                correlation_id=reply_to.correlation_id,
            )
