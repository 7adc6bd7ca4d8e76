"""Changes the number of partitions while no worker runs, without losing or reordering commands.

The change moves the messages in the queues of the old partitions to those of the new ones, relabels
operations and outbox messages in the database, and deletes the old queues. Publishers may continue
to publish to the command queue: it holds later commands only, and no consumer reads it before the
change is finished. Each step can be repeated, so the same command continues a killed change.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import takewhile
from time import monotonic
from typing import Final

from aio_pika.abc import AbstractConnection
from asyncpg import LockNotAvailableError

from worker.broker.connecting.connection import CONNECTION_ERRORS, BrokerUnavailable, connect
from worker.broker.delivery import Delivery
from worker.broker.partition_queues import (
    SOURCES,
    bind_partition_queues,
    declare_partition_queues,
    delete_partition_queues,
    queue_names_for,
    queue_names_of,
    unbind_partition_queues,
)
from worker.broker.prefetch import Prefetch
from worker.broker.publishing.publisher import Publisher
from worker.broker.queue_markers import QueueInUse, append_marker, is_empty, is_marker
from worker.broker.rights import require_rights, rights_to_repartition
from worker.broker.session import open_session
from worker.consuming.consumer import Consumer
from worker.consuming.router import PartitionRouter
from worker.core.partitions import Layout
from worker.operator.partitions.showing import describe_holder
from worker.runtime.concurrency import cancelled, first_of
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.session import Row, Session
from worker.storage.locks import MEMBER, PARTITION, partition_lock
from worker.storage.partitions import (
    PartitionState,
    begin_repartition,
    finish_repartition,
    load_partitions,
)

__all__ = ["RepartitionTimedOut", "repartition"]

POLL_SECONDS: Final = 0.2
UNBIND_SECONDS: Final = 0.5
"""Within this time a message arrives that the exchange had routed before the unbinding."""
MOVE_ATTEMPTS: Final = 3
RETRY_SECONDS: Final = 1
REPORT_SECONDS: Final = 2
"""Without a delivery for so long, the change reports what it waits for."""
DELIVERY_SECONDS: Final = 5
"""The minimum time that the broker gets to deliver a message."""
DRIVER_SECONDS: Final = 30
"""The driver waits for the lock so much longer than PostgreSQL."""

Report = Callable[[str], None]
"""Shows a line of progress to the operator."""


class RepartitionTimedOut(Exception):
    """A worker still runs, or consumes from a queue; the text says which, and what to do."""


async def repartition(
    settings: Settings, partitions: int, *, wait_seconds: float, report: Report
) -> None:
    """Changes the number of partitions: waits until no worker runs, finishes an interrupted change.

    If the number does not change, it only creates missing queues, also while workers run. Raises
    `RepartitionTimedOut`, `TopologyMismatch`, `NotPublished` and `BrokerUnavailable`; the same call
    then continues.
    """
    deadline = monotonic() + wait_seconds
    async with open_database(settings.database_url) as database:
        if await _keeps_layout(database, settings, partitions):
            return
        async with (
            _without_workers(database, deadline, report) as session,
            await connect(settings.amqp_urls) as connection,
        ):
            change = Repartition(session, connection, settings, deadline=deadline, report=report)
            await change.run(partitions)


async def _keeps_layout(database: Database, settings: Settings, partitions: int) -> bool:
    """Whether nothing has to change; creates missing queues then."""
    query = "SELECT pg_try_advisory_lock_shared($1)"
    async with database.own_session() as session:
        # The lock of a worker: no change begins before this is done.
        if not await session.driver.fetchval(query, partition_lock(MEMBER)):
            return False
        state = await load_partitions(session)
        if not _is_done(state, partitions):
            return False
        async with await connect(settings.amqp_urls) as connection:
            command = f"partitions {partitions}"
            await bind_partition_queues(connection, state.layout, command=command)
    return True


def _is_done(state: PartitionState, partitions: int) -> bool:
    # A single partition keeps its own queue and the router only until a change finds that queue
    # empty.
    is_final = state.layout.partitions == partitions and state.layout != Layout(1, routed=True)
    return is_final and state.target is None


@asynccontextmanager
async def _without_workers(
    database: Database, deadline: float, report: Report
) -> AsyncIterator[Session]:
    """A session whose lock keeps workers from running. Raises `RepartitionTimedOut`."""
    async with database.own_session() as session, database.session() as observing:
        locking = asyncio.create_task(_lock_exclusively(session, deadline))
        try:
            await _report_workers(locking, observing, report)
        finally:
            await cancelled([locking])
        if not locking.result():
            workers = _describe(await observing.fetch("list_workers", lock=PARTITION))
            raise RepartitionTimedOut(
                f"Nothing was changed: the number of partitions can change only while no worker"
                f" runs. Still running: {workers or 'none any more'}. Stop all workers and call"
                " again, or wait longer with `--wait`."
            )
        await _wait_for_releases(session, deadline, report)
        yield session


async def _lock_exclusively(session: Session, deadline: float) -> bool:
    """Takes the lock of members exclusively; False if that takes too long.

    It is one request that waits, so that workers that start meanwhile queue behind it.
    """
    seconds = max(0.001, deadline - monotonic())
    await session.driver.execute(
        f"SET statement_timeout = 0; SET lock_timeout = {int(seconds * 1000)}"
    )
    try:
        await session.driver.execute(
            "SELECT pg_advisory_lock($1)", partition_lock(MEMBER), timeout=seconds + DRIVER_SECONDS
        )
    except LockNotAvailableError:
        return False
    await session.driver.execute("RESET statement_timeout; RESET lock_timeout")
    return True


async def _report_workers(locking: asyncio.Task[bool], observing: Session, report: Report) -> None:
    """Reports the running workers, again when they change, until the lock is taken."""
    reported = ""
    while not (await asyncio.wait([locking], timeout=POLL_SECONDS))[0]:
        workers = _describe(await observing.fetch("list_workers", lock=PARTITION))
        if workers and workers != reported:
            report(f"Waiting until no worker runs; stop these: {workers}.")
            reported = workers


async def _wait_for_releases(session: Session, deadline: float, report: Report) -> None:
    # A worker that was asked to stop has ended its membership, and still finishes its partitions.
    is_reported = False
    while True:
        locks = await session.fetch("list_workers", lock=PARTITION)
        stopping = [row for row in locks if not row["is_mine"]]
        if not stopping:
            return
        workers = ", ".join(sorted({describe_holder(row) for row in stopping}))
        if not is_reported:
            report(f"Waiting for workers that are about to stop: {workers}.")
            is_reported = True
        if monotonic() > deadline:
            raise RepartitionTimedOut(
                f"Nothing was changed: workers that are about to stop still hold partitions:"
                f" {workers}. Call again when they have ended."
            )
        await asyncio.sleep(POLL_SECONDS)


def _describe(locks: Sequence[Row]) -> str:
    """The holders of the lock of members, as text."""
    holders = (row for row in locks if row["partition"] == MEMBER)
    return ", ".join(
        describe_holder(row) if row["is_shared"] else "another change of the number of partitions"
        for row in holders
    )


class Repartition:
    """Runs a change, or the rest of an interrupted one, while no worker runs."""

    def __init__(
        self,
        session: Session,
        connection: AbstractConnection,
        settings: Settings,
        *,
        deadline: float,
        report: Report,
    ) -> None:
        self._session = session
        self._connection = connection
        self._settings = settings
        self._deadline = deadline
        self._report = report
        self._prefetch = Prefetch(settings.prefetch_messages)
        self._moved = 0

    async def run(self, partitions: int) -> None:
        """Changes the number of partitions, as `repartition` describes."""
        state = await load_partitions(self._session)
        target = state.target or partitions
        queues = [*queue_names_of(state.layout), *queue_names_of(Layout(target, routed=True))]
        needed = rights_to_repartition(dict.fromkeys(queues))
        purpose = "a change of the number of partitions"
        await require_rights(self._settings.amqp_urls, needed, purpose)
        if state.target is not None:
            self._report(f"Finishing an interrupted change to {state.target} partitions.")
            await self._change(state.layout, state.target)
            state = await load_partitions(self._session)
            if state.layout.partitions == partitions:
                return
        if not _is_done(state, partitions):
            async with self._session.driver.transaction():
                await begin_repartition(self._session, partitions)
            await self._change(state.layout, partitions)

    async def _change(self, present: Layout, target: int) -> None:
        self._moved = 0
        command = f"partitions {target}"
        new = Layout(target, routed=True)
        old_queues, new_queues = queue_names_of(present), queue_names_of(new)
        queues = list(dict.fromkeys([*old_queues, *new_queues]))
        # An interrupted change may have deleted old queues: they are declared again, empty.
        await declare_partition_queues(self._connection, queues, command=command)
        # From here on only this change reaches the queues: no former router that was frozen does.
        await unbind_partition_queues(self._connection, queues)
        await asyncio.sleep(UNBIND_SECONDS)
        obsolete = [queue for queue in old_queues if queue not in new_queues]
        for source in SOURCES:
            for queue in queue_names_for(source, present):
                if queue in obsolete:
                    await self._move(queue, queue_names_for(source, new))
        # Fails if the session was lost, and with it the lock: another change may have begun.
        await self._session.driver.execute("SELECT 1")
        await delete_partition_queues(self._connection, obsolete)
        layout = await self._final_layout(new)
        await bind_partition_queues(self._connection, layout, command=command)
        async with self._session.driver.transaction():
            await finish_repartition(self._session, layout)
        self._report_layout(layout)

    async def _final_layout(self, new: Layout) -> Layout:
        """The layout after the change: a single partition with empty queues needs no router."""
        if new.partitions > 1:
            return new
        queues = queue_names_of(new)
        timeout_seconds = self._settings.publish_timeout_seconds
        publisher = Publisher(
            self._connection, timeout_seconds, published_alone=set(), waits_while_blocked=False
        )
        for queue in queues:
            try:
                if not await is_empty(self._connection, publisher, queue, self._remaining_seconds):
                    return new
            except QueueInUse:
                raise _queue_in_use(queue) from None
        await delete_partition_queues(self._connection, queues)
        return Layout(1)

    def _report_layout(self, layout: Layout) -> None:
        moved = f" {self._moved} waiting commands were moved." if self._moved else ""
        self._report(f"The number of partitions is {layout.partitions} now.{moved}")
        if layout == Layout(1, routed=True):
            self._report(
                "Earlier commands still wait in the queues of the partition, so the router still"
                " feeds them. Let workers run until these are empty, stop them, and call"
                " `activation-worker partitions 1` again to read the command queue directly."
            )

    async def _move(self, queue: str, targets: Sequence[str]) -> None:
        """Moves all messages of the queue to these queues, one for each partition, in order.

        Each message is acknowledged after its confirm. A kill in between leaves it in both queues,
        and the ledger recognises the duplicate.
        """
        failures = 0
        while True:
            moved = self._moved
            try:
                await self._move_once(queue, targets)
            except (BrokerUnavailable, *CONNECTION_ERRORS):
                failures = 1 if self._moved > moved else failures + 1
                if failures == MOVE_ATTEMPTS:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _move_once(self, queue: str, targets: Sequence[str]) -> None:
        settings = self._settings
        async with AsyncExitStack() as stack:
            opening = open_session(
                settings.amqp_urls,
                publish_timeout_seconds=settings.publish_timeout_seconds,
                published_alone=set(),
                prefetch=self._prefetch,
                waits_while_blocked=False,
            )
            session = await stack.enter_async_context(opening)
            channel = await stack.enter_async_context(session.consuming())
            confirm_channel = await stack.enter_async_context(session.confirm_channel())
            marker = await append_marker(session.publisher, queue)
            consumer = Consumer(queue, channel, session)
            router = PartitionRouter(
                consumer,
                session,
                confirm_channel,
                queues=targets,
                batch_maximum_messages=settings.batch_maximum_commands,
                on_routed=self._count,
                exchange="",
            )
            moving = _move_all(consumer, router, marker)
            await first_of(moving, session.lost.wait(), self._require_deliveries(consumer))
            if session.lost.is_set():
                raise session.failure

    def _count(self, _partition: int, messages: int) -> None:
        self._moved += messages

    async def _require_deliveries(self, consumer: Consumer) -> None:
        """Raises `RepartitionTimedOut` if the broker delivers nothing for too long."""
        is_reported = False
        deliveries, delivered_at, timeout_seconds = -1, monotonic(), self._remaining_seconds
        while True:
            if consumer.deliveries != deliveries or not consumer.is_empty:
                deliveries, delivered_at = consumer.deliveries, monotonic()
            if monotonic() - delivered_at > timeout_seconds:
                raise _queue_in_use(consumer.queue)
            if monotonic() - delivered_at > REPORT_SECONDS and not is_reported:
                self._report(f"Waiting until no other connection consumes from {consumer.queue}.")
                is_reported = True
            await asyncio.sleep(POLL_SECONDS)

    @property
    def _remaining_seconds(self) -> float:
        return max(self._deadline - monotonic(), DELIVERY_SECONDS)


def _queue_in_use(queue: str) -> RepartitionTimedOut:
    return RepartitionTimedOut(
        f"The change has begun and is not finished: another connection still consumes from {queue},"
        " perhaps that of a frozen worker. End it and call again; no worker can serve before."
    )


async def _move_all(consumer: Consumer, router: PartitionRouter, last_marker: str) -> None:
    """Moves the messages of the consumer until it delivers the last marker."""
    await consumer.start()
    while await consumer.wait():
        if before_marker := sum(1 for _ in takewhile(_is_command, consumer.waiting)):
            await router.route_next(before_marker)
            continue
        (marker,) = consumer.take(1)
        await consumer.ack([marker])
        if marker.properties.message_id == last_marker:
            return


def _is_command(delivery: Delivery) -> bool:
    return not is_marker(delivery)
