"""A worker's life: a broker session, a share of the assignments; after an outage both again."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from worker.broker.connection import CONNECTION_ERRORS, BrokerUnavailable, connect
from worker.broker.partition_queues import bind_partition_queues
from worker.broker.prefetch import Prefetch
from worker.broker.session import BrokerSession, open_session
from worker.broker.topology import TopologyMismatch, declare
from worker.cluster.assignments import Assignments, Serve
from worker.cluster.membership import joined
from worker.consuming.watchdog import watch_publisher
from worker.core.partitions import Layout
from worker.runtime.backoff import Backoff
from worker.runtime.concurrency import first_of
from worker.settings import Settings
from worker.storage.engine import Database
from worker.storage.errors import LeadershipLost, is_transient
from worker.storage.partitions import load_partitions
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.reporter import Reporter

__all__ = ["Supervisor"]

RETRY_FIRST_SECONDS: Final = 0.2
RETRY_LONGEST_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 20.0
"""After a session of this length the next failure starts with the shortest pause again."""


class Supervisor:
    """Works until asked to stop: connects, takes its share, serves, and begins again."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        reporter: Reporter,
        serving: Callable[[BrokerSession], Serve],
    ) -> None:
        """`serving` makes what serves assignments with a broker session."""
        self._database = database
        self._settings = settings
        self._reporter = reporter
        self._serving = serving
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
        """Serves until `stop`. Raises only what is neither an outage nor a lost leadership.

        Raises `NotReady` where a change of the number of partitions must be finished first.
        """
        backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS, steady_seconds=STEADY_SECONDS)
        while not self.stopping.is_set():
            try:
                await self._run_session()
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

    async def _run_session(self) -> None:
        settings = self._settings
        async with open_session(
            self._urls,
            publish_timeout_seconds=settings.publish_timeout_seconds,
            alone=self._published_alone,
            prefetch=self._prefetch,
        ) as session:
            await self._declare(declare)
            get_logger().info(Action.BROKER_CONNECTED)
            if self._has_worked:
                self._reporter.metrics.reconnected()
            self.linked = self._has_worked = True
            try:
                await first_of(self._serve(session), self._stopped_or(session))
            finally:
                self.linked = self.leads = False
            if session.lost.is_set():
                raise session.failure

    async def _declare(self, declaring: Callable[[AbstractConnection], Awaitable[None]]) -> None:
        if not self._settings.declare_topology:
            return
        # On a connection of its own: a declaration that fails closes its channel.
        try:
            async with await connect(self._urls) as connection:
                await declaring(connection)
        except CONNECTION_ERRORS as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        except TopologyMismatch as error:
            # Only a start may fail for it. What was declared once may still be there; if not, the
            # consumers will fail and say so.
            if not self._has_worked:
                raise
            get_logger().error(Action.TOPOLOGY_REFUSED, reason=str(error))

    async def _stopped_or(self, session: BrokerSession) -> None:
        await first_of(session.lost.wait(), self.stopping.wait())
        if self.leads and not session.lost.is_set():
            # Serving ends by itself on a stop, in order; only a lost session cuts it short.
            await session.lost.wait()

    async def _serve(self, session: BrokerSession) -> None:
        silence_seconds = self._settings.leader_silence_maximum_seconds
        async with joined(self._database, silence_seconds) as membership:
            # The number of partitions stays as it is while this worker is a member.
            layout = await self._layout()
            command = f"partitions {layout.partitions}"
            await self._declare(partial(bind_partition_queues, layout=layout, command=command))
            serving = Assignments(
                layout,
                membership,
                session,
                serve=self._serving(session),
                on_change=self._note_served,
            )
            await first_of(
                serving.run(self.stopping), watch_publisher(session.publisher, self._reporter)
            )

    async def _layout(self) -> Layout:
        async with self._database.session() as session:
            state = await load_partitions(session)
        state.require_finished()
        return state.layout

    def _note_served(self, assignments: int) -> None:
        self.leads = assignments > 0
        self._reporter.metrics.partitions_owned(assignments)
