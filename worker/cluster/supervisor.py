"""Runs a worker: opens a broker session, serves its share, and starts again after an outage."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from activation_contracts.topology import QUEUES
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import AMQPError, ChannelInvalidStateError

from worker.broker.connecting.connection import (
    CONNECTION_ERRORS,
    BrokerRefused,
    BrokerUnavailable,
    connect,
    ready_messages,
)
from worker.broker.partition_queues import bind_partition_queues, queue_names_of
from worker.broker.prefetch import Prefetch
from worker.broker.rights import require_rights, rights_to_serve
from worker.broker.session import BrokerSession, PrefetchChanged, open_session, require_channels
from worker.broker.topology import TopologyMismatch, declare, declare_event_log
from worker.broker.version import require_version
from worker.cluster.assignments import Assignments, Serve
from worker.cluster.intake import Intake
from worker.cluster.membership import joined
from worker.cluster.queue_depths import watch_queue_depths
from worker.consuming.watchdog import ask_for_alarms, watch_publisher
from worker.core.partitions import Layout
from worker.relay.dead_letter_watch import DeadLetterQueueWatch
from worker.runtime.backoff import Backoff
from worker.runtime.concurrency import first_of, uninterrupted
from worker.runtime.mistakes import Mistake
from worker.settings import Settings, SettingsError
from worker.storage.connecting.engine import Database
from worker.storage.connecting.errors import LeadershipLost, is_transient
from worker.storage.deployment.preflight import require_writable
from worker.storage.partitions import load_partitions
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.reporter import Reporter

__all__ = ["Supervisor"]

RETRY_FIRST_SECONDS: Final = 0.2
RETRY_LONGEST_SECONDS: Final = 10.0
STEADY_SECONDS: Final = 20.0
"""After a session of this length the next failure begins with the shortest pause again."""


class Supervisor:
    """Connects, acquires a share of the assignments, serves it, and starts again until `stop`."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        reporter: Reporter,
        serving: Callable[[BrokerSession], Serve],
        *,
        stopping: asyncio.Event,
    ) -> None:
        """`serving` returns the function that serves assignments with a broker session."""
        self._database = database
        self._settings = settings
        self._reporter = reporter
        self._serving = serving
        self._urls: Sequence[str] = settings.amqp_urls
        self._failed_nodes = 0
        self._published_alone: set[int] = set()
        self._prefetch = Prefetch(settings.prefetch_messages)
        self._has_worked = False
        self._has_lost_broker = False
        self._dead_letter_queue = DeadLetterQueueWatch(reporter, declares=settings.declare_topology)
        self.intake: Final = Intake(reporter)
        """Whether commands are taken."""
        self.stopping: Final = stopping
        """Set when it is to finish the current work and stop."""
        self.connected = False
        """Whether the broker is connected."""
        self.leads = False
        """Whether this worker serves an assignment; otherwise it stands by."""
        self._connection: AbstractConnection | None = None

    @property
    def dead_letter_problem(self) -> str | None:
        """Why the dead-letter queue cannot be used; None if it can."""
        return self._dead_letter_queue.problem

    async def queue_depths(self, queues: Iterable[str]) -> Mapping[str, int] | None:
        """How many messages are ready in these queues; None if the broker does not say."""
        if self._connection is None:
            return None
        try:
            return {name: await ready_messages(self._connection, name) for name in queues}
        except (BrokerUnavailable, AMQPError, *CONNECTION_ERRORS):
            # A queue may be missing, too.
            return None

    def stop(self) -> None:
        """Asks `run` to finish the current work and return."""
        self.stopping.set()

    async def run(self) -> None:
        """Serves until `stop`. Survives outages and lost leaderships; raises other failures.

        A mistake is raised only before this worker has served for the first time: after that, a
        rotated password or a missing permission must not end all workers at once.

        Raises `NotReady` if a change of the number of partitions must be finished first, and
        `Mistake` if the broker denies at the start what a worker needs.
        """
        backoff = Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS, steady_seconds=STEADY_SECONDS)
        while not self.stopping.is_set():
            try:
                await self._run_session()
            except LeadershipLost:
                pass  # logged for each partition, where it was served
            except (BrokerUnavailable, AMQPError, ChannelInvalidStateError) as error:
                self._log_end(error)
            except Mistake as error:
                if not self._has_worked:
                    raise
                self._log_refusal(error)
            except Exception as error:
                if not is_transient(error):
                    raise
                self._database.log_failure(error)
            await first_of(self.stopping.wait(), asyncio.sleep(backoff.pause_seconds()))

    async def _wait_for_database(self) -> None:
        """Returns when PostgreSQL takes changes, or at `stop`; logs an outage.

        A session without it could serve nothing: the worker would open and end one after the other.
        """
        await first_of(self.stopping.wait(), self._database.read(require_writable))

    def _log_end(self, error: Exception) -> None:
        if isinstance(error, PrefetchChanged):
            get_logger().info(Action.PREFETCH_CHANGED, reason=str(error))
            return
        get_logger().warning(Action.BROKER_LOST, reason=str(error))
        self._has_lost_broker = self._has_worked
        # A node may accept connections and yet be cut off from its cluster.
        self._failed_nodes += 1

    def _log_refusal(self, error: Mistake) -> None:
        if isinstance(error, BrokerRefused):
            get_logger().error(Action.BROKER_REFUSED, reason=str(error))
            self._failed_nodes += 1
        else:
            get_logger().error(Action.DATABASE_LOST, reason=str(error))

    def _current_urls(self) -> Sequence[str]:
        """The nodes as their file names them now, beginning behind those that failed."""
        try:
            urls = self._settings.current_amqp_urls()
        except SettingsError as error:
            raise BrokerRefused(str(error)) from error
        first = self._failed_nodes % len(urls)
        return (*urls[first:], *urls[:first])

    async def _run_session(self) -> None:
        await self._wait_for_database()
        if self.stopping.is_set():
            return
        settings = self._settings
        self._urls = self._current_urls()
        async with open_session(
            self._urls,
            publish_timeout_seconds=settings.publish_timeout_seconds,
            published_alone=self._published_alone,
            prefetch=self._prefetch,
        ) as session:
            await self._declare(self._declare_topology)
            get_logger().info(Action.BROKER_CONNECTED)
            # A session also ends without it, for instance when the database is lost.
            if self._has_lost_broker:
                self._has_lost_broker = False
                self._reporter.metrics.reconnected()
            self.connected = True
            self._reporter.metrics.broker_connected(connected=True)
            self._connection = session.connections[0]
            try:
                await first_of(self._serve(session), self._wait_for_end(session))
            finally:
                self.connected = self.leads = False
                self._reporter.metrics.broker_connected(connected=False)
                self._connection = None
            if session.lost.is_set():
                raise session.failure

    async def _declare(self, declaring: Callable[[AbstractConnection], Awaitable[None]]) -> None:
        if not self._settings.declare_topology:
            return
        # On a connection of its own: a failed declaration closes its channel.
        try:
            async with await connect(self._urls) as connection:
                await declaring(connection)
        except CONNECTION_ERRORS as error:
            raise BrokerUnavailable(str(error) or type(error).__name__) from error
        except TopologyMismatch as error:
            # Only the start fails for a refused declaration. Later the queues may still exist; if
            # not, the consumers fail.
            if not self._has_worked:
                raise
            get_logger().error(Action.TOPOLOGY_REFUSED, reason=str(error))

    async def _declare_topology(self, connection: AbstractConnection) -> None:
        await declare(connection)
        if days := self._settings.event_log_days:
            difference = await declare_event_log(connection, days)
            if difference:
                get_logger().warning(Action.EVENT_LOG_DIFFERS, reason=difference)

    async def _wait_for_end(self, session: BrokerSession) -> None:
        await first_of(session.lost.wait(), self.stopping.wait())
        if self.leads and not session.lost.is_set():
            # Serving stops in order by itself; only a lost session interrupts it.
            await session.lost.wait()

    async def _serve(self, session: BrokerSession) -> None:
        silence_seconds = self._settings.leader_silence_maximum_seconds
        async with joined(self._database, silence_seconds, self.intake) as membership:
            # The number of partitions cannot change while this worker is a member.
            layout = await self._load_layout()
            require_channels(session.connections[0], layout)
            self._judge_version(session)
            await self._require_rights(layout)
            command = f"partitions {layout.partitions}"
            await self._declare(partial(bind_partition_queues, layout=layout, command=command))
            self._has_worked = True
            serving = Assignments(
                layout,
                membership,
                session,
                serve=self._serving(session),
                on_change=self._report_served,
            )
            await first_of(
                serving.run(self.stopping),
                watch_publisher(session.publisher, self._reporter),
                ask_for_alarms(session.publisher),
                self._dead_letter_queue.run(session.connections[0]),
                watch_queue_depths(
                    session.connections[0],
                    [*(queue.name for queue in QUEUES), *queue_names_of(layout)],
                    self._reporter.metrics,
                ),
            )

    def _judge_version(self, session: BrokerSession) -> None:
        for risk in require_version(session.connections[0]):
            get_logger().warning(Action.SERVER_AT_RISK, reason=risk)

    async def _require_rights(self, layout: Layout) -> None:
        # Only the start fails for a missing right. Later the request that needs it is repeated.
        if not self._has_worked:
            needed = rights_to_serve(layout)
            await uninterrupted(require_rights(self._urls, needed, "a worker"))

    async def _load_layout(self) -> Layout:
        async with self._database.session() as session:
            state = await load_partitions(session)
        state.require_finished()
        return state.layout

    def _report_served(self, assignments: int) -> None:
        self.leads = assignments > 0
        self._reporter.metrics.partitions_owned(assignments)
