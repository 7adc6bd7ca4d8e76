"""One lane: a queue, its intake and its relay, kept alive through every outage."""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from aio_pika.abc import AbstractChannel
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from worker.shell.broker import BrokerUnavailable, Link, connect, open_link
from worker.shell.clock import Clock, utc_now
from worker.shell.database.engine import Database, is_transient
from worker.shell.intake import Effect, Intake, Message, Reception
from worker.shell.leadership import Leadership, LeadershipLost, leading
from worker.shell.logs import Action, get_logger
from worker.shell.receptions import CommandReception, ResultReception
from worker.shell.relay import Relay
from worker.shell.reporting import Reporter
from worker.shell.settings import Settings
from worker.shell.topology import declare

__all__ = ["Lane"]

RETRY_FIRST_SECONDS: Final = 0.2
RETRY_LONGEST_SECONDS: Final = 10.0


class Lane:
    """Works until it is asked to stop: connects, waits for the lead, serves, and begins again."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        reporter: Reporter,
        clock: Clock = utc_now,
    ) -> None:
        self._database = database
        self._settings = settings
        self._reporter = reporter
        self._clock = clock
        self.stopping = asyncio.Event()
        """Whether a stop was asked for."""
        self.linked = False
        """Whether the broker is connected."""
        self.leads = False
        """Whether this worker serves the lane, or stands by."""

    def stop(self) -> None:
        """Ends `run` when the work at hand is done."""
        self.stopping.set()

    async def run(self) -> None:
        """Serves until `stop`. Raises only what is neither an outage nor a lost lead."""
        delay_seconds = RETRY_FIRST_SECONDS
        while not self.stopping.is_set():
            try:
                await self._live()
                delay_seconds = RETRY_FIRST_SECONDS
            except (
                BrokerUnavailable,
                LeadershipLost,
                AMQPError,
                ChannelInvalidStateError,
            ) as error:
                get_logger().warning(Action.BROKER_LOST, reason=str(error))
            except Exception as error:
                if not is_transient(error):
                    raise
                get_logger().warning(Action.DATABASE_LOST, reason=str(error).split("\n")[0])
            await self._pause(delay_seconds)
            delay_seconds = min(delay_seconds * 2, RETRY_LONGEST_SECONDS)

    async def _pause(self, seconds: float) -> None:
        # Jitter: a broker that comes back must not meet all of its clients at one moment.
        jittered = seconds * random.uniform(0.5, 1)  # noqa: S311
        await _first_of(self.stopping.wait(), asyncio.sleep(jittered))

    async def _live(self) -> None:
        settings = self._settings
        async with open_link(
            settings.amqp_urls,
            prefetch_messages=settings.prefetch_messages,
            publish_timeout_seconds=settings.publish_timeout_seconds,
        ) as link:
            if settings.declare_topology:
                await self._declare()
            get_logger().info(Action.BROKER_CONNECTED)
            self._reporter.metrics.reconnected("broker")
            self.linked = True
            try:
                await _first_of(self._lead(link), self._stopped_or(link))
            finally:
                self.linked = self.leads = False
                self._reporter.metrics.leads(leads=False)
            if link.lost.is_set():
                reason = "the connection was lost"
                raise BrokerUnavailable(reason)

    async def _declare(self) -> None:
        # On a connection of its own: a declaration that fails closes its channel.
        connection = await connect(self._settings.amqp_urls)
        async with connection:
            await declare(connection)

    async def _stopped_or(self, link: Link) -> None:
        await _first_of(link.lost.wait(), self.stopping.wait())
        if self.leads and not link.lost.is_set():
            # Serving ends by itself on a stop, in order; only a lost link cuts it short.
            await link.lost.wait()

    async def _lead(self, link: Link) -> None:
        async with leading(self._database) as leadership:
            self.leads = True
            self._reporter.metrics.leads(leads=True)
            await self._serve(link, leadership)

    async def _serve(self, link: Link, leadership: Leadership) -> None:
        policy = self._settings.policy
        relay = Relay(
            self._database,
            link,
            policy=policy,
            clock=self._clock,
            reporter=self._reporter,
            sweep_interval_seconds=self._settings.sweep_interval_seconds,
        )
        commands = self._intake(
            CommandReception(policy, self._clock, self._reporter), link, link.commands, relay
        )
        results = self._intake(
            ResultReception(policy, self._clock, self._reporter), link, link.results, relay
        )
        taking_in = asyncio.gather(commands.run(), results.run())
        relaying = asyncio.create_task(relay.run())
        leading_on = asyncio.create_task(leadership.keep())
        tasks: tuple[asyncio.Future[Any], ...] = (taking_in, relaying, leading_on)
        try:
            await _first_of(self.stopping.wait(), *map(asyncio.shield, tasks))
            commands.stop()
            results.stop()
            await taking_in
            relay.stop()
            await relaying
        finally:
            await _cancelled(tasks)

    def _intake(
        self,
        reception: Reception[Message, Effect],
        link: Link,
        channel: AbstractChannel,
        relay: Relay,
    ) -> Intake[Message, Effect]:
        return Intake(
            reception,
            self._database,
            link,
            channel=channel,
            batch_maximum_messages=self._settings.batch_maximum_commands,
            reporter=self._reporter,
            committed=relay.wake,
        )


async def _first_of(*awaitables: Awaitable[object]) -> None:
    """Waits for the first to end, cancels the others, and raises what the first raised."""
    tasks = [asyncio.ensure_future(item) for item in awaitables]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        await _cancelled(tasks)


async def _cancelled(tasks: Sequence[asyncio.Future[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
