"""A worker's life: a link, a share of the posts; and all of it again after every outage."""

import asyncio
from collections import deque
from typing import Final

from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from worker.app.service import Relays, WorkerContext
from worker.broker.connection import CONNECTION_ERRORS, BrokerUnavailable, connect
from worker.broker.lane_queues import declare_lanes
from worker.broker.prefetch import Prefetch
from worker.broker.session import BrokerSession, open_session
from worker.broker.topology import TopologyMismatch, declare
from worker.cluster.assignments import Posts
from worker.cluster.membership import joined
from worker.consuming.watchdog import watch_publisher
from worker.runtime.backoff import Backoff
from worker.runtime.clock import Clock, utc_now
from worker.runtime.concurrency import first_of
from worker.settings import Settings
from worker.storage.engine import Database
from worker.storage.errors import LeadershipLost, is_transient
from worker.storage.lanes import load_lanes
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.reporter import Reporter

__all__ = ["Worker"]

RETRY_FIRST_SECONDS: Final = 0.2
RETRY_LONGEST_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 20.0
"""After a life of this length the next failure is a new one, and not the same once more."""


class Worker:
    """Works until it is asked to stop: connects, takes its share, serves, and begins again."""

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
        self._urls = deque(settings.amqp_urls)
        self._published_alone: set[int] = set()
        self._prefetch = Prefetch(settings.prefetch_messages)
        self._has_worked = False
        self.stopping = asyncio.Event()
        """Whether a stop was asked for."""
        self.linked = False
        """Whether the broker is connected."""
        self.leads = False
        """Whether this worker serves something, or stands by."""

    def stop(self) -> None:
        """Ends `run` when the work at hand is done."""
        self.stopping.set()

    async def run(self) -> None:
        """Serves until `stop`. Raises only what is neither an outage nor a lost lead."""
        backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS, steady_seconds=STEADY_SECONDS)
        while not self.stopping.is_set():
            try:
                await self._live()
            except LeadershipLost as error:
                get_logger().warning(Action.LEADERSHIP_LOST, reason=str(error))
            except (BrokerUnavailable, AMQPError, ChannelInvalidStateError) as error:
                get_logger().warning(Action.BROKER_LOST, reason=str(error))
                # A node may accept connections and yet be cut off from its cluster.
                self._urls.rotate(-1)
            except Exception as error:
                if not is_transient(error):
                    raise
                get_logger().warning(Action.DATABASE_LOST, reason=str(error).split("\n")[0])
            await first_of(self.stopping.wait(), asyncio.sleep(backoff.pause_seconds()))

    async def _live(self) -> None:
        settings = self._settings
        async with open_session(
            self._urls,
            publish_timeout_seconds=settings.publish_timeout_seconds,
            alone=self._published_alone,
            prefetch=self._prefetch,
        ) as link:
            if settings.declare_topology:
                await self._declare()
            get_logger().info(Action.BROKER_CONNECTED)
            if self._has_worked:
                self._reporter.metrics.reconnected()
            self.linked = self._has_worked = True
            try:
                await first_of(self._serve(link), self._stopped_or(link))
            finally:
                self.linked = self.leads = False
            if link.lost.is_set():
                raise link.failure

    async def _declare(self, lanes: int | None = None) -> None:
        # On a connection of its own: a declaration that fails closes its channel.
        try:
            async with await connect(self._urls) as connection:
                await (declare(connection) if lanes is None else declare_lanes(connection, lanes))
        except CONNECTION_ERRORS as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        except TopologyMismatch as error:
            # Only a start may fail for it. What was there once may still be there; if not, the
            # consumers will say so.
            if not self._has_worked:
                raise
            get_logger().error(Action.TOPOLOGY_REFUSED, reason=str(error))

    async def _stopped_or(self, link: BrokerSession) -> None:
        await first_of(link.lost.wait(), self.stopping.wait())
        if self.leads and not link.lost.is_set():
            # Serving ends by itself on a stop, in order; only a lost link cuts it short.
            await link.lost.wait()

    async def _serve(self, link: BrokerSession) -> None:
        settings, reporter = self._settings, self._reporter
        if settings.declare_topology:
            await self._declare_lanes()
        workplace = WorkerContext(link, settings, reporter, self._clock, Relays())
        async with joined(self._database, settings.leader_silence_maximum_seconds) as member:
            posts = Posts(member, workplace, self._note_posts)
            await first_of(posts.run(self.stopping), watch_publisher(link.publisher, reporter))

    async def _declare_lanes(self) -> None:
        async with self._database.transaction() as connection:
            # No change begins before this ends: what a change has unbound must stay so.
            lanes = await load_lanes(connection, keep=True)
            if lanes.present > 1 and not lanes.changing:
                await self._declare(lanes.present)

    def _note_posts(self, posts: int) -> None:
        self.leads = posts > 0
        self._reporter.metrics.partitions_owned(posts)
