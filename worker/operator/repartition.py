"""Changes the number of partitions while no worker runs, without losing or reordering commands.

The change moves what waits in the queues of the old partitions into those of the new ones, relabels
what is under way in the database, and deletes the old queues. Publishers go on publishing into the
command queue meanwhile: it holds later commands only, and nobody reads it before the change is
finished. Each step can be repeated, so the same command continues where a killed one stopped.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import takewhile
from time import monotonic
from typing import Final

from aio_pika.abc import AbstractConnection
from asyncpg import LockNotAvailableError

from worker.broker.connection import CONNECTION_ERRORS, BrokerUnavailable, connect
from worker.broker.delivery import Delivery
from worker.broker.partition_queues import (
    bind_partition_queues,
    declare_partition_queues,
    delete_partition_queues,
    queue_names_of,
    unbind_partition_queues,
)
from worker.broker.prefetch import Prefetch
from worker.broker.publisher import Publisher
from worker.broker.queue_markers import QueueInUse, append_marker, is_empty, is_marker
from worker.broker.session import open_session
from worker.consuming.consumer import Consumer
from worker.consuming.router import PartitionRouter
from worker.core.partitions import Layout
from worker.operator.partitions import describe_holder
from worker.runtime.concurrency import cancelled, first_of
from worker.settings import Settings
from worker.storage.engine import Database, open_database
from worker.storage.locks import MEMBER, PARTITION, partition_lock
from worker.storage.partitions import (
    PartitionState,
    begin_repartition,
    finish_repartition,
    load_partitions,
)
from worker.storage.session import Row, Session

__all__ = ["RepartitionTimedOut", "repartition"]

POLL_SECONDS: Final = 0.2
UNBIND_SECONDS: Final = 0.5
"""In which a message arrives that the exchange had routed before a queue was unbound."""
MOVE_ATTEMPTS: Final = 3
RETRY_SECONDS: Final = 1
TELL_SECONDS: Final = 2
DELIVERY_SECONDS: Final = 5
"""The shortest time in which the broker must deliver something."""
DRIVER_SECONDS: Final = 30
"""So much longer than PostgreSQL the driver waits for the lock."""

Tell = Callable[[str], None]


class RepartitionTimedOut(Exception):
    """A worker still runs, or holds a queue; the text says which, and what to do."""


async def repartition(
    settings: Settings, partitions: int, *, wait_seconds: float, tell: Tell
) -> None:
    """Changes the number of partitions; waits until no worker runs, and finishes a killed change.

    Where there are so many partitions already, it only creates missing queues, which needs no stop
    of workers. Raises `RepartitionTimedOut`, `TopologyMismatch`, `NotPublished` and
    `BrokerUnavailable`; the same call then continues.
    """
    until = monotonic() + wait_seconds
    async with open_database(settings.database_url) as database:
        if await _is_present(database, settings, partitions):
            return
        async with (
            _without_workers(database, until, tell) as session,
            await connect(settings.amqp_urls) as connection,
        ):
            change = Repartition(session, connection, settings, until=until, tell=tell)
            await change.run(partitions)


async def _is_present(database: Database, settings: Settings, partitions: int) -> bool:
    """Whether there are so many partitions, and nothing to finish; then creates missing queues."""
    query = "SELECT pg_try_advisory_lock_shared($1)"
    async with database.own_session() as session:
        # Like a worker: no change begins before this is done.
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
    # A single partition keeps its own queue only until a change finds that queue empty.
    is_final = state.layout.partitions == partitions and state.layout != Layout(1, routed=True)
    return is_final and state.target is None


@asynccontextmanager
async def _without_workers(database: Database, until: float, tell: Tell) -> AsyncIterator[Session]:
    """A session whose lock keeps workers from running. Raises `RepartitionTimedOut`."""
    async with database.own_session() as session, database.session() as observing:
        locking = asyncio.create_task(_lock_exclusively(session, until))
        try:
            await _tell_holders(locking, observing, tell)
        finally:
            await cancelled([locking])
        if not locking.result():
            holders = _described(await observing.fetch("list_workers", lock=PARTITION))
            raise RepartitionTimedOut(
                f"Nothing was changed: the number of partitions can change only while no worker"
                f" runs. Still running: {holders or 'none any more'}. Stop all workers and call"
                " again, or wait longer with `--wait`."
            )
        await _wait_for_last_releases(session, until, tell)
        yield session


async def _lock_exclusively(session: Session, until: float) -> bool:
    """Whether this session got the lock of members for itself.

    One request that waits: workers that start meanwhile queue behind it.
    """
    seconds = max(0.001, until - monotonic())
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


async def _tell_holders(locking: asyncio.Task[bool], observing: Session, tell: Tell) -> None:
    told = ""
    while not (await asyncio.wait([locking], timeout=POLL_SECONDS))[0]:
        holders = _described(await observing.fetch("list_workers", lock=PARTITION))
        if holders and holders != told:
            tell(f"Waiting until no worker runs; stop these: {holders}.")
            told = holders


async def _wait_for_last_releases(session: Session, until: float, tell: Tell) -> None:
    # A worker that was asked to stop is no member any more, and still finishes its partitions.
    is_told = False
    while True:
        found = await session.fetch("list_workers", lock=PARTITION)
        finishing = [row for row in found if not row["is_mine"]]
        if not finishing:
            return
        holders = ", ".join(sorted({describe_holder(row) for row in finishing}))
        if not is_told:
            tell(f"Waiting for workers that are about to stop: {holders}.")
            is_told = True
        if monotonic() > until:
            raise RepartitionTimedOut(
                f"Nothing was changed: workers that are about to stop still hold partitions:"
                f" {holders}. Call again when they have ended."
            )
        await asyncio.sleep(POLL_SECONDS)


def _described(found: Sequence[Row]) -> str:
    """Those who hold the lock of members."""
    holders = (row for row in found if row["partition"] == MEMBER)
    return ", ".join(
        describe_holder(row) if row["is_shared"] else "another change of the number of partitions"
        for row in holders
    )


class Repartition:
    """A change, or what an interrupted one has left of it; no worker runs meanwhile."""

    def __init__(
        self,
        session: Session,
        connection: AbstractConnection,
        settings: Settings,
        *,
        until: float,
        tell: Tell,
    ) -> None:
        self._session = session
        self._connection = connection
        self._settings = settings
        self._until = until
        self._tell = tell
        self._prefetch = Prefetch(settings.prefetch_messages)
        self._moved = 0

    async def run(self, partitions: int) -> None:
        """See `repartition`."""
        state = await load_partitions(self._session)
        if state.target is not None:
            self._tell(f"Finishing an interrupted change to {state.target} partitions.")
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
        every = list(dict.fromkeys([*old_queues, *new_queues]))
        # A repeat may find old queues deleted: it declares them again, empty.
        await declare_partition_queues(self._connection, every, command=command)
        # From here on only this change reaches the queues, not a former router that wakes up.
        await unbind_partition_queues(self._connection, every)
        await asyncio.sleep(UNBIND_SECONDS)
        leaving = [queue for queue in old_queues if queue not in new_queues]
        for queue in leaving:
            await self._move(queue, target)
        # Fails where the session, and with it the lock, was lost: another change may have begun.
        await self._session.driver.execute("SELECT 1")
        await delete_partition_queues(self._connection, leaving)
        layout = await self._settled(new)
        await bind_partition_queues(self._connection, layout, command=command)
        async with self._session.driver.transaction():
            await finish_repartition(self._session, layout)
        self._report(layout)

    async def _settled(self, new: Layout) -> Layout:
        """The layout to end with: a single partition needs no router once its queue is empty."""
        if new.partitions > 1:
            return new
        (queue,) = queue_names_of(new)
        timeout_seconds = self._settings.publish_timeout_seconds
        publisher = Publisher(self._connection, timeout_seconds, alone=set())
        try:
            if not await is_empty(self._connection, publisher, queue, self._patience_seconds):
                return new
        except QueueInUse:
            raise self._held(queue) from None
        await delete_partition_queues(self._connection, [queue])
        return Layout(1)

    def _report(self, layout: Layout) -> None:
        moved = f" {self._moved} waiting commands were moved." if self._moved else ""
        self._tell(f"The number of partitions is {layout.partitions} now.{moved}")
        if layout == Layout(1, routed=True):
            self._tell(
                "Earlier commands still wait in the queue of the partition, so the router stays in"
                " front of it. Let workers run until that queue is empty, stop them, and call"
                " `activation-worker partitions 1` again to read the command queue directly."
            )

    async def _move(self, queue: str, target: int) -> None:
        """Moves everything in the queue to the queues of so many partitions, in order.

        Each message is acknowledged after its confirm, so a kill in between leaves it twice, and
        the ledger recognises the second.
        """
        failures = 0
        while True:
            moved = self._moved
            try:
                await self._move_once(queue, target)
            except (BrokerUnavailable, *CONNECTION_ERRORS):
                failures = 1 if self._moved > moved else failures + 1
                if failures == MOVE_ATTEMPTS:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
            else:
                return

    async def _move_once(self, queue: str, target: int) -> None:
        settings = self._settings
        async with AsyncExitStack() as stack:
            opening = open_session(
                settings.amqp_urls,
                publish_timeout_seconds=settings.publish_timeout_seconds,
                alone=set(),
                prefetch=self._prefetch,
            )
            session = await stack.enter_async_context(opening)
            channel = await stack.enter_async_context(session.consuming())
            outlet = await stack.enter_async_context(session.outlet())
            marker = await append_marker(session.publisher, queue)
            consumer = Consumer(queue, channel, session)
            router = PartitionRouter(
                consumer,
                session,
                outlet,
                partitions=target,
                batch_maximum_messages=settings.batch_maximum_commands,
                routed=self._count,
                exchange="",
            )
            moving = _move_all(consumer, router, marker)
            await first_of(moving, session.lost.wait(), self._require_deliveries(consumer))
            if session.lost.is_set():
                raise session.failure

    def _count(self, _partition: int, messages: int) -> None:
        self._moved += messages

    async def _require_deliveries(self, consumer: Consumer) -> None:
        """Raises `RepartitionTimedOut` where the broker delivers nothing for too long."""
        is_told = False
        heard, heard_at, patience_seconds = -1, monotonic(), self._patience_seconds
        while True:
            if consumer.deliveries != heard or not consumer.is_empty:
                heard, heard_at = consumer.deliveries, monotonic()
            if monotonic() - heard_at > patience_seconds:
                raise self._held(consumer.queue)
            if monotonic() - heard_at > TELL_SECONDS and not is_told:
                self._tell(f"Waiting until no other connection consumes from {consumer.queue}.")
                is_told = True
            await asyncio.sleep(POLL_SECONDS)

    @property
    def _patience_seconds(self) -> float:
        return max(self._until - monotonic(), DELIVERY_SECONDS)

    def _held(self, queue: str) -> RepartitionTimedOut:
        return RepartitionTimedOut(
            f"The change is begun and not finished: another connection still consumes from {queue},"
            " perhaps that of a frozen worker. End it and call again; no worker can serve before."
        )


async def _move_all(consumer: Consumer, router: PartitionRouter, last_marker: str) -> None:
    """Moves the messages of the consumer up to the last marker."""
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
