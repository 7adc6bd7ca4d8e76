"""What the holder of a post does: messages in, messages out, and an eye on itself."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final, Protocol, TypeVar

from contracts.catalogue import COMMAND_QUEUE
from worker.broker.lane_queues import queue_name_of
from worker.broker.session import BrokerSession
from worker.cluster.membership import Leadership
from worker.consuming.backpressure import Backpressure, RelayPort
from worker.consuming.batch_processor import BatchProcessor, Effect, Handler, Message
from worker.consuming.consumer import Consumer
from worker.consuming.distribution import Distribution
from worker.consuming.draining import DrainedBatchProcessor
from worker.consuming.handlers import CommandHandler, ResultHandler
from worker.consuming.poison import PoisonTracker
from worker.consuming.watchdog import watch_consumer
from worker.core.lanes import Duty
from worker.relay.relay import Relay, Surroundings
from worker.runtime.clock import Clock
from worker.runtime.concurrency import all_of, cancelled, first_of
from worker.settings import Settings
from worker.storage.lanes import LONG_AGO, note_results_read
from worker.storage.outbox import OutgoingMessage
from worker.storage.retention import prune
from worker.telemetry.reporter import Reporter

__all__ = ["Colleagues", "Service", "Workplace"]

AnyIntake = TypeVar("AnyIntake", bound=BatchProcessor[Any, Any])

NOTE_RESULTS_READ_SECONDS: Final = 1


class Inlet(Protocol):
    """Takes messages in."""

    @property
    def inbox(self) -> Consumer:
        """What it was given."""

    async def run(self) -> None:
        """Until its inbox is closed; ends in order."""


@dataclass(slots=True)
class Colleagues:
    """The relays of this worker, and what they know of the results that another worker reads."""

    relays: set[Relay] = field(default_factory=set)
    results_read_until: datetime = LONG_AGO

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
    """What all posts of a worker share."""

    link: BrokerSession
    settings: Settings
    reporter: Reporter
    clock: Clock
    colleagues: Colleagues


class Service:
    """One post, from the beginning of its term to the end."""

    def __init__(self, duty: Duty, leadership: Leadership, workplace: Workplace) -> None:
        self._duty = duty
        self._leadership = leadership
        self._workplace = workplace
        self._results_are_counted: Callable[[], bool] = lambda: False

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until asked to stop, and ends in order; raises what ends it before."""
        async with AsyncExitStack() as stack:
            relay = await self._relay(stack) if self._duty.has_lane else None
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
        around = Surroundings(self._duty.post, self._declare_again, self._results_read_until)
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
        if self._duty.has_lane and not self._duty.paused:
            inlets.append(await self._commands(stack, self._outflow(saying)))
        elif not self._duty.paused:
            inlets.append(await self._distribution(stack))
        if self._duty.reads_results:
            inlets.append(await self._results(stack, self._outflow(saying)))
        return inlets

    async def _commands(self, stack: AsyncExitStack, outflow: Backpressure) -> Inlet:
        at, duty = self._workplace, self._duty
        queue = queue_name_of(duty.post, duty.lanes)
        reception = CommandHandler(
            at.settings.policy, at.clock, at.reporter, lane=duty.post, queue=queue
        )
        if duty.lanes == 1:
            return await self._intake(stack, BatchProcessor, reception, outflow)
        intake = await self._intake(stack, DrainedBatchProcessor, reception, outflow)
        intake.lane = duty.post
        return intake

    async def _results(self, stack: AsyncExitStack, outflow: Backpressure) -> Inlet:
        at = self._workplace
        reception = ResultHandler(at.settings.policy, at.clock, at.reporter)
        intake = await self._intake(stack, BatchProcessor, reception, outflow)
        self._results_are_counted = lambda: intake.inbox.has_caught_up
        return intake

    async def _distribution(self, stack: AsyncExitStack) -> Inlet:
        at = self._workplace
        inbox = await self._inbox(stack, COMMAND_QUEUE)
        outlet = await stack.enter_async_context(at.link.outlet())
        return Distribution(
            inbox,
            at.link,
            outlet,
            lanes=self._duty.lanes,
            batch_maximum_messages=at.settings.batch_maximum_commands,
            metrics=at.reporter.metrics,
        )

    async def _intake(
        self,
        stack: AsyncExitStack,
        kind: type[AnyIntake],
        reception: Handler[Message, Effect],
        outflow: Backpressure,
    ) -> AnyIntake:
        at = self._workplace
        suspects = PoisonTracker(
            reception.queue,
            self._leadership,
            at.clock,
            batch_maximum_messages=at.settings.batch_maximum_commands,
        )
        return kind(
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
        if self._duty.reads_results:
            yield prune(self._leadership, at.clock, at.settings.history_days)
        if not self._duty.has_lane:
            yield self._note_results_read()

    async def _note_results_read(self) -> None:
        # For the lanes: most of them are served by other workers.
        while True:
            if self._results_are_counted():
                now = self._workplace.clock()
                await self._leadership.transact(partial(note_results_read, now=now))
            await asyncio.sleep(NOTE_RESULTS_READ_SECONDS)

    def _results_read_until(self, now: datetime) -> datetime:
        if self._duty.reads_results:
            return now if self._results_are_counted() else LONG_AGO
        return min(now, self._workplace.colleagues.results_read_until)

    def _declare_again(self, reason: str) -> None:
        # A new life begins with the declarations; where those are forbidden, the messages are
        # tried again until somebody else has made what is missing.
        if self._workplace.settings.declare_topology:
            self._workplace.link.fail(reason)
