"""Messages in: the consumer of a queue, and the loop that handles what it consumes."""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

from worker.app.loops import consume
from worker.app.serving.term import Term
from worker.broker.partition_queues import published_to
from worker.consuming.answering.replies import UnreadableAnswers
from worker.consuming.backpressure import Backpressure, RelayPort
from worker.consuming.batch_processor import BatchProcessor, Handler
from worker.consuming.batch_reader import BatchReader
from worker.consuming.batches import Batches
from worker.consuming.consumer import Consumer, Waiting
from worker.consuming.dead_letters import DeadLetters
from worker.consuming.ordering.turns import Turn, any_time
from worker.consuming.poison import PoisonTracker
from worker.core.lanes import Lane

__all__ = ["Inbound", "InboundBuilder"]


class Inbound(NamedTuple):
    """A consumer, and the loop that handles what it consumes."""

    consumer: Consumer
    loop: Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True, slots=True)
class InboundBuilder:
    """Builds consumers and their loops for a term; the stack ends what has to be ended."""

    term: Term
    stack: AsyncExitStack

    async def consumer(
        self,
        queue: str,
        *,
        prefetch: int | None = None,
        waiting: Waiting | None = None,
        lane: Lane = Lane.INTERACTIVE,
    ) -> Consumer:
        """Begins to consume a queue."""
        session, reporter = self.term.worker.session, self.term.worker.reporter
        source = published_to(queue)
        consumer = Consumer(
            queue,
            await self.stack.enter_async_context(session.consuming(prefetch)),
            session,
            waiting=waiting,
            lane=lane,
            on_prioritised=partial(reporter.prioritised, queue),
            on_redelivered=partial(reporter.metrics.message_redelivered, source),
        )
        self.stack.callback(reporter.metrics.holds(source, consumer))
        return consumer

    def inbound(
        self,
        consumer: Consumer,
        handler: Handler[Any, Any],
        backpressure: Backpressure | None,
        *,
        next_turn: Callable[[], AbstractAsyncContextManager[Turn]] = any_time,
        batch_maximum_messages: int | None = None,
    ) -> Inbound:
        """The loop that stores, batch by batch, what the handler makes of the messages."""
        worker = self.term.worker
        largest = worker.settings.batch_maximum_commands
        poison = self.poison_tracker(
            consumer, batch_maximum_messages=min(largest, batch_maximum_messages or largest)
        )
        dead_letters = self.dead_letters(consumer, poison)
        processor = BatchProcessor(
            handler,
            BatchReader(handler.messages, dead_letters, self.answers()),
            self.term.leadership,
            poison=poison,
            dead_letters=dead_letters,
            reporter=worker.reporter,
            tracing=worker.reporter.tracing.of_queue(consumer.queue),
        )
        batches = Batches(consumer, poison, backpressure, next_turn)
        return Inbound(consumer, partial(consume, batches, processor))

    def poison_tracker(self, consumer: Consumer, *, batch_maximum_messages: int) -> PoisonTracker:
        """Finds the messages of the consumer that kill the process."""
        return PoisonTracker(
            consumer.queue,
            self.term.leadership,
            self.term.worker.clock,
            batch_maximum_messages=batch_maximum_messages,
        )

    def dead_letters(self, consumer: Consumer, poison: PoisonTracker) -> DeadLetters:
        """Stores the messages of the consumer that can never be handled."""
        worker = self.term.worker
        dead_letters = DeadLetters(
            worker.session,
            self.term.leadership,
            poison,
            worker.reporter,
            acknowledge=consumer.ack,
            on_stored=worker.dead_letter_stored.set,
        )
        self.stack.push_async_callback(dead_letters.cancel)
        return dead_letters

    def answers(self) -> UnreadableAnswers:
        """Answers the messages that cannot be read."""
        worker = self.term.worker
        answers = UnreadableAnswers(worker.session, worker.replies, worker.clock)
        self.stack.push_async_callback(answers.cancel)
        return answers

    def backpressure(self, relay: RelayPort) -> Backpressure:
        """Holds a loop back while the relay is behind."""
        worker = self.term.worker
        return Backpressure(
            relay,
            worker.clock,
            worker.reporter,
            age_maximum_seconds=worker.settings.outbox_age_maximum_seconds,
        )
