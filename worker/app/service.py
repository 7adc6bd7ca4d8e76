"""Serves one assignment during a term: builds the two loops, runs them, and stops them in order."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, NamedTuple

from activation_contracts.catalogue import (
    BULK_COMMAND_QUEUE,
    COMMAND_QUEUE,
    DIRECTORY_QUEUE,
    REPORT_QUEUE,
    REPORTS,
    RESULT_QUEUE,
)
from activation_contracts.topology import DEAD_LETTER_QUEUE

from worker.app.loops import consume, publish
from worker.app.relays import Relays
from worker.broker.connecting.connection import CONNECTION_ERRORS, ready_by_queue
from worker.broker.partition_queues import (
    SOURCES,
    published_to,
    queue_names_for,
    source_queue,
)
from worker.broker.session import BrokerSession
from worker.cluster.assignments import Serve
from worker.cluster.membership import Leadership
from worker.consuming.answering.previews import PreviewAnswers
from worker.consuming.answering.replies import ReplyAddresses, UnreadableAnswers
from worker.consuming.answering.reports import PREFETCH_REPORTS, ReportProcessor, require_reply_to
from worker.consuming.backpressure import Backpressure, RelayPort
from worker.consuming.batch_processor import BatchProcessor, Handler
from worker.consuming.batch_reader import BatchReader
from worker.consuming.batches import Batches
from worker.consuming.consumer import Consumer, Waiting
from worker.consuming.dead_letters import DeadLetters
from worker.consuming.directory_handler import DirectoryHandler
from worker.consuming.handlers import CommandHandler, ResultHandler
from worker.consuming.ordering.fair_order import FairOrder
from worker.consuming.ordering.turns import BULK_BATCH_COMMANDS, Turn, Turns, any_time
from worker.consuming.poison import PoisonTracker
from worker.consuming.router import PartitionRouter
from worker.consuming.watchdog import watch_consumer
from worker.core.lanes import Lane
from worker.core.partitions import Assignment
from worker.relay.dead_letter_relay import DeadLetterRelay
from worker.relay.key_ordered_publisher import KeyOrderedPublisher
from worker.relay.outbox import Outbox
from worker.relay.process_manager import ProcessManager
from worker.runtime.clock import Clock
from worker.runtime.concurrency import all_of, cancelled, first_of
from worker.settings import Settings
from worker.storage.entitlement import watch_entitlements
from worker.storage.partitions import LONG_AGO, record_results_read
from worker.storage.retention import prune
from worker.telemetry.reporter import Reporter

__all__ = ["Service", "serving"]

Loop = Callable[[], Coroutine[Any, Any, None]]

RECORD_RESULTS_READ_SECONDS: Final = 1


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The objects that all assignments of a worker share."""

    session: BrokerSession
    settings: Settings
    reporter: Reporter
    clock: Clock
    relays: Relays
    replies: ReplyAddresses
    dead_letter_stored: asyncio.Event
    """Set when this worker has stored a dead letter."""


def serving(settings: Settings, reporter: Reporter, clock: Clock, session: BrokerSession) -> Serve:
    """Returns the function that serves an assignment of a worker with this broker session."""
    replies = ReplyAddresses(settings.reply_prefixes, reporter)
    context = WorkerContext(session, settings, reporter, clock, Relays(), replies, asyncio.Event())

    async def serve(
        assignment: Assignment, leadership: Leadership, stopping: asyncio.Event
    ) -> None:
        await Service(assignment, leadership, context).run(stopping)

    return serve


class Inbound(NamedTuple):
    """A consumer, and the loop that handles what it consumes."""

    consumer: Consumer
    loop: Loop


class Outbound(NamedTuple):
    """An outbox, and the loop that publishes it."""

    outbox: Outbox
    loop: Loop


class Service:
    """Serves one assignment, from the beginning of its term to the end."""

    def __init__(
        self, assignment: Assignment, leadership: Leadership, context: WorkerContext
    ) -> None:
        self._assignment = assignment
        self._leadership = leadership
        self._context = context

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until `stopping` is set, and stops in order; raises the error that ends it.

        When the intake is paused or resumed it begins anew, without or with the commands. So no
        delivery is held during a pause, which may last longer than RabbitMQ waits for an
        acknowledgement.
        """
        while not stopping.is_set():
            await self._serve(stopping, is_paused=self._leadership.intake.is_paused)

    async def _serve(self, stopping: asyncio.Event, *, is_paused: bool) -> None:
        async with AsyncExitStack() as stack:
            results = await self._results_consumer(stack)
            outbound = None if self._assignment.is_router else await self._outbound(stack, results)
            inbounds = []
            if results is not None:
                inbounds.append(self._results(stack, results))
                inbounds.append(await self._reports(stack))
                inbounds.append(await self._directory(stack))
            if not is_paused:
                inbounds += await self._commands(stack, outbound)
            ends = first_of(stopping.wait(), self._leadership.intake.until(paused=not is_paused))
            await self._run_until(ends, inbounds, outbound, results)

    async def _run_until(
        self,
        ends: Coroutine[Any, Any, None],
        inbounds: list[Inbound],
        outbound: Outbound | None,
        results: Consumer | None,
    ) -> None:
        # A pause may leave nothing to consume, and the router has no relay.
        ending = asyncio.Event()
        loops = (ending.wait(), *(inbound.loop() for inbound in inbounds))
        others = (ending.wait(), *self._background_tasks(inbounds, results))
        consuming = asyncio.create_task(all_of(*loops))
        publishing = asyncio.create_task(outbound.loop() if outbound else ending.wait())
        background = asyncio.create_task(all_of(*others))
        tasks: tuple[asyncio.Task[Any], ...] = (consuming, publishing, background)
        try:
            await first_of(ends, *map(asyncio.shield, tasks))
            ending.set()
            for inbound in inbounds:
                inbound.consumer.close()
            await consuming
            if outbound is not None:
                outbound.outbox.stop()
            await publishing
        finally:
            await cancelled(tasks)

    async def _outbound(self, stack: AsyncExitStack, results: Consumer | None) -> Outbound:
        context = self._context
        publisher = await stack.enter_async_context(context.session.publishing())
        process_manager = ProcessManager(
            self._leadership,
            partition=self._assignment.partition,
            partitions=self._assignment.layout.partitions,
            policy=context.settings.policy,
            clock=context.clock,
            reporter=context.reporter,
            results_read_until=partial(self._results_read_until, results),
        )
        outbox = Outbox(
            self._leadership,
            partition=self._assignment.partition,
            clock=context.clock,
            is_blocked=publisher.is_blocked,
            sweep=process_manager.advance_due,
            sweep_interval_seconds=context.settings.sweep_interval_seconds,
        )
        context.relays.outboxes.add(outbox)
        stack.callback(context.relays.outboxes.discard, outbox)
        in_key_order = KeyOrderedPublisher(publisher, context.reporter, self._redeclare)
        return Outbound(outbox, partial(_relay, outbox, in_key_order, process_manager))

    async def _commands(self, stack: AsyncExitStack, outbound: Outbound | None) -> list[Inbound]:
        if outbound is None:
            return [await self._router(stack, source) for source in SOURCES]
        interactive = await self._interactive_consumer(stack)
        bulk = await self._consumer(stack, self._source_queue(BULK_COMMAND_QUEUE), lane=Lane.BULK)
        turns = Turns(lambda: bool(interactive.waiting) and not interactive.closing.is_set())
        handler = await self._command_handler(stack, outbound)
        backpressure = self._backpressure(outbound.outbox)
        return [
            self._inbound(stack, interactive, handler, backpressure, next_turn=turns.interactive),
            self._inbound(
                stack,
                bulk,
                handler,
                backpressure,
                next_turn=turns.bulk,
                batch_maximum_messages=BULK_BATCH_COMMANDS,
            ),
        ]

    async def _interactive_consumer(self, stack: AsyncExitStack) -> Consumer:
        # A worker may have to serve all partitions.
        partitions = self._assignment.layout.partitions
        held = self._context.settings.interactive_prefetch_messages // partitions
        queue = self._source_queue(COMMAND_QUEUE)
        return await self._consumer(stack, queue, prefetch=max(held, 1), waiting=FairOrder())

    def _source_queue(self, source: str) -> str:
        return source_queue(source, self._assignment.partition, self._assignment.layout)

    async def _command_handler(self, stack: AsyncExitStack, outbound: Outbound) -> CommandHandler:
        context = self._context
        return CommandHandler(
            context.settings.policy,
            context.clock,
            context.reporter,
            outbound.outbox.wake,
            replies=context.replies,
            previews=await self._previews(stack),
            partition=self._assignment.partition,
        )

    async def _previews(self, stack: AsyncExitStack) -> PreviewAnswers:
        session = self._context.session
        events = await stack.enter_async_context(session.confirm_channel())
        previews = PreviewAnswers(events, session.replies, self._context.reporter)
        stack.push_async_callback(previews.close)
        return previews

    def _results(self, stack: AsyncExitStack, consumer: Consumer) -> Inbound:
        context = self._context
        handler = ResultHandler(
            context.settings.policy, context.clock, context.reporter, context.relays.sweep
        )
        return self._inbound(stack, consumer, handler, backpressure=None)

    async def _reports(self, stack: AsyncExitStack) -> Inbound:
        context = self._context
        consumer = await self._consumer(stack, REPORT_QUEUE, prefetch=PREFETCH_REPORTS)
        poison = self._poison_tracker(consumer, batch_maximum_messages=1)
        processor = ReportProcessor(
            BatchReader(
                REPORTS,
                self._dead_letters(stack, consumer, poison),
                self._answers(stack),
                check=require_reply_to,
            ),
            self._leadership,
            context.session.replies,
            context.replies,
            poison=poison,
            closing=consumer.closing,
            reporter=context.reporter,
        )
        return Inbound(consumer, partial(consume, Batches(consumer, poison, None), processor))

    async def _directory(self, stack: AsyncExitStack) -> Inbound:
        context = self._context
        handler = DirectoryHandler(
            context.clock,
            context.reporter,
            context.relays.wake,
            partitions=self._assignment.layout.partitions,
        )
        consumer = await self._consumer(stack, DIRECTORY_QUEUE)
        # What follows is published by the relays of all partitions, and only those of this worker
        # hold it back. A worker with the router alone has none: it goes on, and the outbox grows
        # by what its directory messages lead to, until the other workers can publish again.
        return self._inbound(stack, consumer, handler, self._backpressure(context.relays))

    def _backpressure(self, relay: RelayPort) -> Backpressure:
        context = self._context
        return Backpressure(
            relay,
            context.clock,
            context.reporter,
            age_maximum_seconds=context.settings.outbox_age_maximum_seconds,
        )

    def _inbound(
        self,
        stack: AsyncExitStack,
        consumer: Consumer,
        handler: Handler[Any, Any],
        backpressure: Backpressure | None,
        *,
        next_turn: Callable[[], AbstractAsyncContextManager[Turn]] = any_time,
        batch_maximum_messages: int | None = None,
    ) -> Inbound:
        context = self._context
        largest = context.settings.batch_maximum_commands
        poison = self._poison_tracker(
            consumer, batch_maximum_messages=min(largest, batch_maximum_messages or largest)
        )
        dead_letters = self._dead_letters(stack, consumer, poison)
        processor = BatchProcessor(
            handler,
            BatchReader(handler.messages, dead_letters, self._answers(stack)),
            self._leadership,
            poison=poison,
            dead_letters=dead_letters,
            reporter=context.reporter,
            tracing=context.reporter.tracing.of_queue(consumer.queue),
        )
        batches = Batches(consumer, poison, backpressure, next_turn)
        return Inbound(consumer, partial(consume, batches, processor))

    def _poison_tracker(self, consumer: Consumer, *, batch_maximum_messages: int) -> PoisonTracker:
        return PoisonTracker(
            consumer.queue,
            self._leadership,
            self._context.clock,
            batch_maximum_messages=batch_maximum_messages,
        )

    def _dead_letters(
        self, stack: AsyncExitStack, consumer: Consumer, poison: PoisonTracker
    ) -> DeadLetters:
        dead_letters = DeadLetters(
            self._context.session,
            self._leadership,
            poison,
            self._context.reporter,
            acknowledge=consumer.ack,
            on_stored=self._context.dead_letter_stored.set,
        )
        stack.push_async_callback(dead_letters.cancel)
        return dead_letters

    def _answers(self, stack: AsyncExitStack) -> UnreadableAnswers:
        context = self._context
        answers = UnreadableAnswers(context.session, context.replies, context.clock)
        stack.push_async_callback(answers.cancel)
        return answers

    async def _router(self, stack: AsyncExitStack, source: str) -> Inbound:
        context = self._context
        consumer = await self._consumer(stack, source)
        router = PartitionRouter(
            consumer,
            context.session,
            await stack.enter_async_context(context.session.confirm_channel()),
            queues=queue_names_for(source, self._assignment.layout),
            batch_maximum_messages=context.settings.batch_maximum_commands,
            on_routed=context.reporter.metrics.routed,
        )
        return Inbound(consumer, router.run)

    async def _results_consumer(self, stack: AsyncExitStack) -> Consumer | None:
        if not self._assignment.reads_results:
            return None
        return await self._consumer(stack, RESULT_QUEUE)

    async def _consumer(
        self,
        stack: AsyncExitStack,
        queue: str,
        *,
        prefetch: int | None = None,
        waiting: Waiting | None = None,
        lane: Lane = Lane.INTERACTIVE,
    ) -> Consumer:
        session, reporter = self._context.session, self._context.reporter
        source = published_to(queue)
        consumer = Consumer(
            queue,
            await stack.enter_async_context(session.consuming(prefetch)),
            session,
            waiting=waiting,
            lane=lane,
            on_prioritised=partial(reporter.prioritised, queue),
            on_redelivered=partial(reporter.metrics.message_redelivered, source),
        )
        stack.callback(reporter.metrics.holds(source, lambda: consumer.held))
        return consumer

    def _background_tasks(
        self, inbounds: list[Inbound], results: Consumer | None
    ) -> Iterator[Coroutine[Any, Any, None]]:
        context = self._context
        for inbound in inbounds:
            yield watch_consumer(
                inbound.consumer, context.session, context.settings.watchdog_seconds
            )
        if results is not None:
            yield self._publish_dead_letters()
            yield prune(self._leadership, context.clock, context.settings.history_days)
            yield watch_entitlements(
                self._leadership,
                context.clock,
                self._assignment.layout.partitions,
                context.reporter.entitlements_changed,
            )
        if results is not None and self._assignment.is_router:
            yield self._record_results_read(lambda: results.has_caught_up)

    async def _publish_dead_letters(self) -> None:
        context = self._context
        async with context.session.confirm_channel() as channel:
            relay = DeadLetterRelay(
                self._leadership,
                channel,
                context.reporter,
                context.dead_letter_stored,
                is_queue_empty=self._is_dead_letter_queue_empty,
            )
            await relay.run()

    async def _is_dead_letter_queue_empty(self) -> bool:
        with suppress(*CONNECTION_ERRORS):
            connection = self._context.session.connections[0]
            ready = await ready_by_queue(connection, [DEAD_LETTER_QUEUE])
            return ready.get(DEAD_LETTER_QUEUE) == 0
        return False

    async def _record_results_read(self, has_caught_up: Callable[[], bool]) -> None:
        # The relays of the partitions read it: other workers serve most of them.
        while True:
            if has_caught_up():
                now = self._context.clock()
                await self._leadership.transact(partial(record_results_read, now=now))
            await asyncio.sleep(RECORD_RESULTS_READ_SECONDS)

    def _results_read_until(self, results: Consumer | None, now: datetime) -> datetime:
        if results is not None:
            return now if results.has_caught_up else LONG_AGO
        return min(now, self._leadership.results_read_until)

    def _redeclare(self, reason: str) -> None:
        # A new session declares the topology. If the settings forbid that, the relay retries until
        # an administrator has created the exchange.
        if self._context.settings.declare_topology:
            self._context.session.fail(reason)


async def _relay(
    outbox: Outbox, publisher: KeyOrderedPublisher, process_manager: ProcessManager
) -> None:
    await process_manager.release_steps()
    await publish(outbox, publisher, process_manager)
