"""What a leader does: messages in, messages out, and an eye on itself."""

import asyncio

from aio_pika.abc import AbstractChannel

from worker.shell.clock import Clock
from worker.shell.concurrency import all_of, cancelled, first_of
from worker.shell.intake import Effect, Intake, Message, Reception
from worker.shell.leadership import Leadership, LeadershipLost
from worker.shell.link import Link
from worker.shell.outflow import Outflow
from worker.shell.pruning import prune
from worker.shell.receptions import CommandReception, ResultReception
from worker.shell.relay import Relay, Surroundings
from worker.shell.reporting import Reporter
from worker.shell.settings import Settings
from worker.shell.suspects import Suspects
from worker.shell.watchdog import watch_consumer, watch_publisher

__all__ = ["Service"]


class Service:
    """One lead on one link, from its beginning to its end."""

    def __init__(
        self,
        link: Link,
        leadership: Leadership,
        *,
        settings: Settings,
        reporter: Reporter,
        clock: Clock,
    ) -> None:
        self._link = link
        self._leadership = leadership
        self._settings = settings
        self._reporter = reporter
        self._clock = clock
        common = (settings.policy, clock, reporter)
        self._relay = Relay(
            leadership,
            link.publisher,
            policy=settings.policy,
            clock=clock,
            reporter=reporter,
            sweep_interval_seconds=settings.sweep_interval_seconds,
            around=Surroundings(self._declare_again, lambda: self._results.has_caught_up),
        )
        outflow = Outflow(
            self._relay,
            clock,
            reporter,
            age_maximum_seconds=settings.outbox_age_maximum_seconds,
        )
        self._commands = self._intake(CommandReception(*common), link.commands, outflow)
        self._results = self._intake(ResultReception(*common), link.results, outflow)

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until asked to stop, and ends in order; raises what ends it before."""
        taking_in = asyncio.create_task(all_of(self._commands.run(), self._results.run()))
        relaying = asyncio.create_task(self._relay.run())
        watching = asyncio.create_task(self._watch())
        tasks = (taking_in, relaying, watching)
        try:
            await first_of(stopping.wait(), *map(asyncio.shield, tasks))
            self._commands.stop()
            self._results.stop()
            await taking_in
            self._relay.stop()
            await relaying
        finally:
            await cancelled(tasks)

    async def _watch(self) -> None:
        watchdog_seconds = self._settings.watchdog_seconds
        await all_of(
            self._keep_lead(),
            watch_publisher(self._link.publisher, self._reporter),
            watch_consumer(self._commands, self._link, watchdog_seconds),
            watch_consumer(self._results, self._link, watchdog_seconds),
            prune(self._leadership, self._clock, self._settings.history_days),
        )

    async def _keep_lead(self) -> None:
        try:
            await self._leadership.keep()
        except LeadershipLost:
            # The next leader needs what this one still holds, and a transaction that hangs on a
            # silent database would keep it for half a minute.
            await self._link.close()
            raise

    def _declare_again(self, reason: str) -> None:
        # A new life begins with the declarations; where those are forbidden, the messages are
        # tried again until somebody else has made what is missing.
        if self._settings.declare_topology:
            self._link.lose(reason)

    def _intake(
        self, reception: Reception[Message, Effect], channel: AbstractChannel, outflow: Outflow
    ) -> Intake[Message, Effect]:
        suspects = Suspects(
            reception.queue,
            self._leadership,
            self._clock,
            batch_maximum_messages=self._settings.batch_maximum_commands,
        )
        return Intake(
            reception,
            self._leadership,
            self._link,
            channel=channel,
            suspects=suspects,
            outflow=outflow,
            reporter=self._reporter,
        )
