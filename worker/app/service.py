"""What serves an assignment: messages in, messages out, and watches over both."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final, Protocol

from contracts.catalogue import COMMAND_QUEUE
from worker.broker.partition_queues import source_queue
from worker.broker.session import BrokerSession
from worker.cluster.assignments import Serve
from worker.cluster.membership import Leadership
from worker.consuming.backpressure import Backpressure, RelayPort
from worker.consuming.batch_processor import BatchProcessor, Effect, Handler, Message
from worker.consuming.consumer import Consumer
from worker.consuming.handlers import CommandHandler, ResultHandler
from worker.consuming.poison import PoisonTracker
from worker.consuming.router import PartitionRouter
from worker.consuming.watchdog import watch_consumer
from worker.core.partitions import Assignment
from worker.relay.relay import Relay, Surroundings
from worker.runtime.clock import Clock
from worker.runtime.concurrency import all_of, cancelled, first_of
from worker.settings import Settings
from worker.storage.outbox import OutgoingMessage
from worker.storage.partitions import LONG_AGO, record_results_read
from worker.storage.retention import prune
from worker.telemetry.reporter import Reporter

__all__ = ["Service", "serving"]

RECORD_RESULTS_READ_SECONDS: Final = 1


class Inlet(Protocol):
    """Takes messages in."""

    @property
    def inbox(self) -> Consumer:
        """What it was given."""

    async def run(self) -> None:
        """Until its inbox is closed; ends in order."""


@dataclass(slots=True)
class Colleagues:
    """The relays of this worker."""

    relays: set[Relay] = field(default_factory=set)

    def expect(self, of: object, phone_numbers: AbstractSet[str]) -> None:
        """What is stored here is said by nobody."""

    def follow(self, messages: Sequence[OutgoingMessage]) -> None:
        """Something was stored that one of them may have to conclude."""
        for relay in self.relays:
            relay.follow(messages)

    def told_before(self, tell: Callable[[], None]) -> None:
        """What follows of it is told of by somebody else, perhaps elsewhere."""

    def oldest_unpublished(self) -> None:
        """Nothing is held up by them: what they have to say they have decided themselves."""

    is_behind = False
    """Nobody waits for them, for the same reason."""

    async def turn(self, at_most_seconds: float) -> None:
        """Nobody has to wait for it."""


@dataclass(frozen=True, slots=True)
class Workplace:
    """What all assignments of a worker share."""

    link: BrokerSession
    settings: Settings
    reporter: Reporter
    clock: Clock
    colleagues: Colleagues


def serving(settings: Settings, reporter: Reporter, clock: Clock, link: BrokerSession) -> Serve:
    """What serves the assignments of a worker with this broker session."""
    workplace = Workplace(link, settings, reporter, clock, Colleagues())

    async def serve(
        assignment: Assignment, leadership: Leadership, stopping: asyncio.Event
    ) -> None:
        await Service(assignment, leadership, workplace).run(stopping)

    return serve


class Service:
    """One assignment, from the beginning of its term to the end."""

    def __init__(
        self, assignment: Assignment, leadership: Leadership, workplace: Workplace
    ) -> None:
        self._assignment = assignment
        self._leadership = leadership
        self._workplace = workplace
        self._results_are_counted: Callable[[], bool] = lambda: False

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until asked to stop, and ends in order; raises what ends it before."""
        async with AsyncExitStack() as stack:
            relay = None if self._assignment.is_router else await self._relay(stack)
            inlets = await self._inlets(stack, relay)
            taking_in = asyncio.create_task(all_of(*(inlet.run() for inlet in inlets)))
            relaying = asyncio.create_task(relay.run() if relay else stopping.wait())
            watching = asyncio.create_task(all_of(*self._watches(inlets)))
            tasks = (taking_in, relaying, watching)
            try:
                await first_of(stopping.wait(), *map(asyncio.shield, tasks))
                for inlet in inlets:
                    inlet.inbox.close()
                await taking_in
                if relay is not None:
                    relay.stop()
                await relaying
            finally:
                await cancelled(tasks)

    async def _relay(self, stack: AsyncExitStack) -> Relay:
        at, colleagues = self._workplace, self._workplace.colleagues
        publisher = await stack.enter_async_context(at.link.publishing())
        around = Surroundings(
            self._assignment.partition, self._declare_again, self._results_read_until
        )
        relay = Relay(
            self._leadership,
            publisher,
            policy=at.settings.policy,
            clock=at.clock,
            reporter=at.reporter,
            sweep_interval_seconds=at.settings.sweep_interval_seconds,
            around=around,
        )
        colleagues.relays.add(relay)
        stack.callback(colleagues.relays.discard, relay)
        return relay

    async def _inlets(self, stack: AsyncExitStack, relay: Relay | None) -> Sequence[Inlet]:
        saying = relay or self._workplace.colleagues
        inlets: list[Inlet] = []
        if self._assignment.is_router:
            inlets.append(await self._router(stack))
        else:
            inlets.append(await self._commands(stack, self._outflow(saying)))
        if self._assignment.reads_results:
            inlets.append(await self._results(stack, self._outflow(saying)))
        return inlets

    async def _commands(self, stack: AsyncExitStack, outflow: Backpressure) -> Inlet:
        at, partition = self._workplace, self._assignment.partition
        queue = source_queue(partition, self._assignment.layout)
        reception = CommandHandler(
            at.settings.policy, at.clock, at.reporter, partition=partition, queue=queue
        )
        return await self._intake(stack, reception, outflow)

    async def _results(self, stack: AsyncExitStack, outflow: Backpressure) -> Inlet:
        at = self._workplace
        reception = ResultHandler(at.settings.policy, at.clock, at.reporter)
        intake = await self._intake(stack, reception, outflow)
        self._results_are_counted = lambda: intake.inbox.has_caught_up
        return intake

    async def _router(self, stack: AsyncExitStack) -> Inlet:
        at = self._workplace
        inbox = await self._inbox(stack, COMMAND_QUEUE)
        outlet = await stack.enter_async_context(at.link.outlet())
        return PartitionRouter(
            inbox,
            at.link,
            outlet,
            partitions=self._assignment.layout.partitions,
            batch_maximum_messages=at.settings.batch_maximum_commands,
            routed=at.reporter.metrics.routed,
        )

    async def _intake(
        self,
        stack: AsyncExitStack,
        reception: Handler[Message, Effect],
        outflow: Backpressure,
    ) -> BatchProcessor[Message, Effect]:
        at = self._workplace
        suspects = PoisonTracker(
            reception.queue,
            self._leadership,
            at.clock,
            batch_maximum_messages=at.settings.batch_maximum_commands,
        )
        return BatchProcessor(
            reception,
            self._leadership,
            at.link,
            inbox=await self._inbox(stack, reception.queue),
            suspects=suspects,
            outflow=outflow,
            reporter=at.reporter,
        )

    async def _inbox(self, stack: AsyncExitStack, queue: str) -> Consumer:
        link = self._workplace.link
        return Consumer(queue, await stack.enter_async_context(link.consuming()), link)

    def _outflow(self, saying: RelayPort) -> Backpressure:
        at = self._workplace
        return Backpressure(
            saying,
            at.clock,
            at.reporter,
            age_maximum_seconds=at.settings.outbox_age_maximum_seconds,
        )

    def _watches(self, inlets: Sequence[Inlet]) -> Iterator[Coroutine[None, None, None]]:
        at = self._workplace
        for inlet in inlets:
            yield watch_consumer(inlet.inbox, at.link, at.settings.watchdog_seconds)
        if self._assignment.reads_results:
            yield prune(self._leadership, at.clock, at.settings.history_days)
        if self._assignment.is_router:
            yield self._record_results_read()

    async def _record_results_read(self) -> None:
        # For the partitions: most of them are served by other workers.
        while True:
            if self._results_are_counted():
                now = self._workplace.clock()
                await self._leadership.transact(partial(record_results_read, now=now))
            await asyncio.sleep(RECORD_RESULTS_READ_SECONDS)

    def _results_read_until(self, now: datetime) -> datetime:
        if self._assignment.reads_results:
            return now if self._results_are_counted() else LONG_AGO
        return min(now, self._leadership.results_read_until)

    def _declare_again(self, reason: str) -> None:
        # A new life begins with the declarations; where those are forbidden, the messages are
        # tried again until somebody else has made what is missing.
        if self._workplace.settings.declare_topology:
            self._workplace.link.fail(reason)
