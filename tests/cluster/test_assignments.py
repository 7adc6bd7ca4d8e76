"""A worker serves the assignments that it holds."""

import asyncio
import gc
from typing import TYPE_CHECKING, cast

from typing_extensions import override

from worker.broker.connecting.connection import BrokerUnavailable
from worker.cluster.assignments import Assignments
from worker.cluster.intake import Intake
from worker.cluster.membership import Leadership, Membership, View
from worker.core.partitions import Assignment, Layout
from worker.runtime.concurrency import cancelled
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

if TYPE_CHECKING:
    from worker.broker.session import BrokerSession
    from worker.storage.connecting.engine import Database


class SlowMembership(Membership):
    """Holds partition 0, and never finishes to release it."""

    def __init__(self) -> None:
        database = cast("Database", None)
        super().__init__(database, 10, Intake(Reporter(Metrics())))
        self.held = {0: Leadership(database, self, 0, 1)}
        self.releasing = asyncio.Event()

    @override
    async def poll(self) -> View:
        return View(members=1, rank=0, taken=frozenset({0}))

    @override
    async def release(self, partition: int) -> None:
        self.releasing.set()
        await asyncio.Event().wait()


async def failing(_: Assignment, __: Leadership, ___: asyncio.Event) -> None:
    raise BrokerUnavailable("the connection has ended")


async def test_the_error_of_an_assignment_is_retrieved_although_its_release_is_cancelled() -> None:
    membership = SlowMembership()
    assignments = Assignments(
        Layout(1),
        membership,
        cast("BrokerSession", None),
        serve=failing,
        on_change=lambda _: None,
    )
    running = asyncio.create_task(assignments.run(asyncio.Event()))
    await membership.releasing.wait()
    await cancelled([running])
    # Every test fails for an error that asyncio logs when it collects a task.
    del running, assignments
    gc.collect()
