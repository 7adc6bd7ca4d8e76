"""Serves one assignment: puts its loops together, runs them, and stops them in order."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from worker.app.serving.background import background_tasks
from worker.app.serving.commands import command_loops, router_loops
from worker.app.serving.directory import directory_loop
from worker.app.serving.inbound import Inbound, InboundBuilder
from worker.app.serving.outbound import Outbound, outbound_of
from worker.app.serving.relays import Relays
from worker.app.serving.reports import report_loop
from worker.app.serving.results import result_loop, results_consumer
from worker.app.serving.term import Term, WorkerContext
from worker.broker.session import BrokerSession
from worker.cluster.assignments import Serve
from worker.cluster.membership import Leadership
from worker.consuming.answering.replies import ReplyAddresses
from worker.consuming.consumer import Consumer
from worker.core.partitions import Assignment
from worker.runtime.clock import Clock
from worker.runtime.concurrency import all_of, cancelled, first_of
from worker.settings import Settings
from worker.telemetry.reporter import Reporter

__all__ = ["serving"]


def serving(settings: Settings, reporter: Reporter, clock: Clock, session: BrokerSession) -> Serve:
    """Returns the function that serves an assignment of a worker with this broker session."""
    replies = ReplyAddresses(settings.reply_prefixes, reporter)
    context = WorkerContext(session, settings, reporter, clock, Relays(), replies, asyncio.Event())

    async def serve(
        assignment: Assignment, leadership: Leadership, stopping: asyncio.Event
    ) -> None:
        await Service(Term(assignment, leadership, context)).run(stopping)

    return serve


class Service:
    """Serves one assignment, from the beginning of its term to the end."""

    def __init__(self, term: Term) -> None:
        self._term = term
        self._intake = term.leadership.intake

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until `stopping` is set, and stops in order; raises the error that ends it.

        When the intake is paused or resumed it begins anew, without or with the commands. So no
        delivery is held during a pause, which may last longer than RabbitMQ waits for an
        acknowledgement.
        """
        while not stopping.is_set():
            await self._serve(stopping, is_paused=self._intake.is_paused)

    async def _serve(self, stopping: asyncio.Event, *, is_paused: bool) -> None:
        assignment = self._term.assignment
        async with AsyncExitStack() as stack:
            build = InboundBuilder(self._term, stack)
            results = await results_consumer(build) if assignment.reads_results else None
            outbound = None
            if not assignment.is_router:
                outbound = await outbound_of(self._term, stack, results)
            inbounds = []
            if results is not None:
                inbounds.append(result_loop(build, results))
                inbounds.append(await report_loop(build))
                inbounds.append(await directory_loop(build))
            if not is_paused:
                inbounds += await self._commands(build, outbound)
            ends = first_of(stopping.wait(), self._intake.until(paused=not is_paused))
            await self._run_until(ends, inbounds, outbound, results)

    @staticmethod
    async def _commands(build: InboundBuilder, outbound: Outbound | None) -> list[Inbound]:
        if outbound is None:
            return await router_loops(build)
        return await command_loops(build, outbound.outbox)

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
        others = (ending.wait(), *background_tasks(self._term, inbounds, results))
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
