"""The posts that a worker serves: it takes its share, and hands on what is more than that."""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence

from worker.app.service import Service, WorkerContext
from worker.cluster.membership import Leadership, Membership, View
from worker.core.lanes import Duty, duties, name_of
from worker.runtime.concurrency import cancelled
from worker.storage.errors import LeadershipLost
from worker.storage.lanes import Lanes
from worker.telemetry.logs import Action, get_logger

__all__ = ["Posts"]


class Post:
    """One that this worker serves."""

    def __init__(self, duty: Duty, leadership: Leadership, workplace: WorkerContext) -> None:
        self.duty = duty
        self._stopping = asyncio.Event()
        self._abandoning: asyncio.Task[None] | None = None
        service = Service(duty, leadership, workplace)
        self.serving = asyncio.create_task(service.run(self._stopping))

    def stop(self) -> None:
        """Ends `serving` in order."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        """Whether it was told to."""
        return self._stopping.is_set()

    def abandon(self) -> None:
        """Ends `serving` as it is: its term is over, and nothing more can be stored."""
        if self._abandoning is None:
            self._stopping.set()
            self._abandoning = asyncio.create_task(cancelled([self.serving]))


class Posts:
    """Looks around twice a second, for as long as the link lives."""

    def __init__(
        self, member: Membership, workplace: WorkerContext, on_change: Callable[[int], None]
    ) -> None:
        self._member = member
        self._workplace = workplace
        self._on_change = on_change
        self._served: dict[int, Post] = {}
        self._stands_by = False
        self._lanes: Lanes | None = None

    async def run(self, stopping: asyncio.Event) -> None:
        """Serves until asked to stop, and ends in order; raises what ends it before."""
        stopped = asyncio.create_task(self._stop_with(stopping))
        try:
            while self._served or not stopping.is_set():
                view = await self._look()
                if stopping.is_set():
                    await self._member.withdraw()
                elif await self._share(view, stopping):
                    continue
                await self._rest(stopped)
                await self._note_ended()
        finally:
            await cancelled([stopped, *(post.serving for post in self._served.values())])
            self._served.clear()
            self._on_change(0)

    async def _stop_with(self, stopping: asyncio.Event) -> None:
        await stopping.wait()
        for post in self._served.values():
            post.stop()

    async def _look(self) -> View:
        try:
            view = await self._member.look()
        except LeadershipLost as error:
            self._workplace.session.fail(error)
            # The next leader needs what this one still holds, and a transaction that hangs on a
            # silent database would keep it for half a minute.
            await self._workplace.session.close()
            raise
        self._workplace.relays.results_read_until = view.lanes.results_read_until
        self._tell(view.lanes)
        return view

    def _tell(self, lanes: Lanes) -> None:
        before, self._lanes = self._lanes, lanes
        if lanes.changing and not (before and before.changing):
            get_logger().warning(Action.LANES_CHANGING, present=lanes.present, wished=lanes.wished)
        if before and lanes.present != before.present:
            get_logger().info(Action.LANES_CHANGED, lanes=lanes.present)

    async def _share(self, view: View, stopping: asyncio.Event) -> bool:
        """Takes and leaves; whether it took something, which is begun after another look."""
        wanted = {
            duty.post: duty for duty in duties(view.lanes.present, changing=view.lanes.changing)
        }
        quota = view.quota(len(wanted))
        self._leave(wanted, quota)
        for post in self._member.posts.keys() - wanted.keys() - self._served.keys():
            await self._member.release(post)
        if not stopping.is_set():
            self._begin(wanted)
        return await self._take([post for post in wanted if post not in view.taken], quota)

    def _leave(self, wanted: Mapping[int, Duty], quota: int) -> None:
        staying = []
        for post in self._served.values():
            duty = wanted.get(post.duty.post)
            if duty is None or duty.lanes != post.duty.lanes:
                post.abandon()
            elif duty != post.duty:
                post.stop()
            elif not post.is_stopping:
                staying.append(post)
        for post in sorted(staying, key=lambda post: post.duty.post)[quota:]:
            post.stop()

    def _begin(self, wanted: Mapping[int, Duty]) -> None:
        for post in self._member.posts.keys() - self._served.keys():
            leadership, duty = self._member.posts[post], wanted[post]
            self._served[post] = Post(duty, leadership, self._workplace)
            get_logger().info(
                Action.LEADERSHIP_GAINED, lane=name_of(post), lanes=duty.lanes, term=leadership.term
            )
            self._stands_by = False
            self._on_change(len(self._served))

    async def _take(self, free: Sequence[int], quota: int) -> bool:
        before = len(self._member.posts)
        if before < quota and free:
            await self._member.take(free, quota - before)
        if not self._member.posts and not self._stands_by:
            get_logger().info(Action.WORKER_STANDING_BY)
            self._stands_by = True
        return len(self._member.posts) > before

    async def _rest(self, stopped: asyncio.Task[None]) -> None:
        tasks = [post.serving for post in self._served.values()]
        waiting = tasks if stopped.done() else [*tasks, stopped]
        pause = self._member.pause_seconds * random.uniform(0.5, 1)  # noqa: S311 -- jitter
        if waiting:
            await asyncio.wait(waiting, timeout=pause, return_when=asyncio.FIRST_COMPLETED)

    async def _note_ended(self) -> None:
        for post in [post for post in self._served.values() if post.serving.done()]:
            number = post.duty.post
            del self._served[number]
            self._on_change(len(self._served))
            await self._member.release(number)
            error = None if post.serving.cancelled() else post.serving.exception()
            if isinstance(error, LeadershipLost):
                get_logger().warning(
                    Action.LEADERSHIP_LOST, lane=name_of(number), reason=str(error)
                )
                # Whoever ends this worker's term again and again is not outrun.
                await asyncio.sleep(self._member.pause_seconds / 2)
            elif error is not None:
                raise error
            else:
                get_logger().info(Action.LEADERSHIP_RELEASED, lane=name_of(number))
