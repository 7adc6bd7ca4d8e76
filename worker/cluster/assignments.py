"""Serves this worker's share of the assignments: acquires its quota, releases the surplus."""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from typing import Final

from worker.broker.session import BrokerSession, PrefetchChanged
from worker.cluster.membership import Leadership, Membership, View
from worker.core.partitions import Assignment, Layout, assignments, name_of
from worker.runtime.concurrency import cancelled
from worker.storage.connecting.errors import LeadershipLost, reason_of
from worker.telemetry.logs import Action, get_logger

__all__ = ["Assignments", "Serve"]

INTERRUPTED: Final = "this worker was interrupted while it served"
Serve = Callable[[Assignment, Leadership, asyncio.Event], Coroutine[None, None, None]]
"""Serves an assignment until the event is set, then stops in order; raises an earlier failure."""


class Served:
    """An assignment that this worker serves."""

    def __init__(self, assignment: Assignment, leadership: Leadership, serve: Serve) -> None:
        self.partition = assignment.partition
        self._stopping = asyncio.Event()
        self.task = asyncio.create_task(serve(assignment, leadership, self._stopping))

    def stop(self) -> None:
        """Asks `task` to stop in order."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stopping.is_set()


class Assignments:
    """Keeps this worker's share: polls the membership about twice a second and rebalances."""

    def __init__(
        self,
        layout: Layout,
        membership: Membership,
        session: BrokerSession,
        *,
        serve: Serve,
        on_change: Callable[[int], None],
    ) -> None:
        """Calls `on_change` with the number of assignments served, whenever it changes."""
        self._assignments = {item.partition: item for item in assignments(layout)}
        self._membership = membership
        self._session = session
        self._serve = serve
        self._on_change = on_change
        self._served: dict[int, Served] = {}
        self._stands_by = False

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until `stopping` is set, then stops in order; raises an earlier failure."""
        stopped = asyncio.create_task(self._stop_with(stopping))
        try:
            while self._served or not stopping.is_set():
                view = await self._poll()
                if stopping.is_set():
                    await self._membership.withdraw()
                elif await self._rebalance(view):
                    continue
                await self._wait(stopped)
                await self._release_ended()
        finally:
            await cancelled([stopped, *(served.task for served in self._served.values())])
            self._log_interrupted()
            self._served.clear()
            self._on_change(0)

    def _log_interrupted(self) -> None:
        """Logs the end of what is still served: the membership ends with the session."""
        failure = self._session.failure
        for partition in self._served:
            if self._session.lost.is_set() and isinstance(failure, PrefetchChanged):
                _log_released(partition)
            else:
                _log_lost(partition, str(failure) if self._session.lost.is_set() else INTERRUPTED)

    async def _stop_with(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        for served in self._served.values():
            served.stop()

    async def _poll(self) -> View:
        try:
            return await self._membership.poll()
        except LeadershipLost as error:
            self._session.fail(error)
            # The next leader needs the deliveries of this worker, which a transaction on a database
            # that does not answer would keep for half a minute.
            await self._session.close()
            raise

    async def _rebalance(self, view: View) -> bool:
        """Stops the surplus, serves what is held, acquires what is missing.

        True if it acquired an assignment: that is served after another poll.
        """
        quota = view.quota(len(self._assignments))
        self._stop_surplus(quota)
        self._serve_held()
        free = [partition for partition in self._assignments if partition not in view.taken]
        return await self._acquire(free, quota)

    def _stop_surplus(self, quota: int) -> None:
        remaining = [served for served in self._served.values() if not served.is_stopping]
        for served in sorted(remaining, key=lambda served: served.partition)[quota:]:
            served.stop()

    def _serve_held(self) -> None:
        for partition in self._membership.held.keys() - self._served.keys():
            leadership = self._membership.held[partition]
            self._served[partition] = Served(self._assignments[partition], leadership, self._serve)
            get_logger().info(
                Action.LEADERSHIP_GAINED, partition=name_of(partition), term=leadership.term
            )
            self._stands_by = False
            self._on_change(len(self._served))

    async def _acquire(self, free: Sequence[int], quota: int) -> bool:
        held = self._membership.held
        before = len(held)
        if before < quota and free:
            await self._membership.acquire(free, quota - before)
        if not held and not self._stands_by:
            get_logger().info(Action.WORKER_STANDING_BY)
            self._stands_by = True
        return len(held) > before

    async def _wait(self, stopped: asyncio.Task[None]) -> None:
        tasks = [served.task for served in self._served.values()]
        waiting = tasks if stopped.done() else [*tasks, stopped]
        pause = self._membership.poll_seconds * random.uniform(0.5, 1)  # noqa: S311 -- jitter
        if waiting:
            await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)

    async def _release_ended(self) -> None:
        for served in [served for served in self._served.values() if served.task.done()]:
            del self._served[served.partition]
            self._on_change(len(self._served))
            # Before anything is awaited: a cancellation would leave the error to asyncio's log.
            error = None if served.task.cancelled() else served.task.exception()
            if error is None:
                _log_released(served.partition)
            else:
                _log_lost(served.partition, reason_of(error))
            await self._membership.release(served.partition)
            if isinstance(error, LeadershipLost):
                # Lets another worker acquire the partition that keeps ending this worker's terms.
                await asyncio.sleep(self._membership.poll_seconds / 2)
            elif error is not None:
                raise error


def _log_released(partition: int) -> None:
    get_logger().info(Action.LEADERSHIP_RELEASED, partition=name_of(partition))


def _log_lost(partition: int, reason: str) -> None:
    get_logger().warning(Action.LEADERSHIP_LOST, partition=name_of(partition), reason=reason)
