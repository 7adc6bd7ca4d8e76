"""A worker in the test's process that stories are applied to: killed, restarted, and awaited.

The worker, the broker and the database are real. The clock is a parameter, so that no test waits
for a deadline.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from activation_contracts.messages import Command, PbxResult
from activation_contracts.values import Step
from typing_extensions import override

from tests.support.platform import Platform
from tests.support.stories.model import AT_RISK, ATTEMPTS, OVERDUE
from tests.support.workers import rows
from worker.app.run import supervisor
from worker.core.decision import Decision
from worker.core.lanes import Lane
from worker.core.operations.verdicts import Verdict
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.operations import find_due
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

if TYPE_CHECKING:
    from worker.cluster.supervisor import Supervisor

__all__ = ["StoryHarness", "awaiting_all_steps"]

UNTRIED = """SELECT 1 FROM outbox AS waiting WHERE next_attempt_at IS NULL AND NOT EXISTS (
    SELECT FROM outbox AS refused
    WHERE refused.subject = waiting.subject AND refused.next_attempt_at IS NOT NULL
        AND waiting.ordered
)"""
"""Messages that wait behind no refused one."""


class CountingReporter(Reporter):
    """Counts how often each command and result was handled."""

    def __init__(self) -> None:
        super().__init__(Metrics())
        self.handled: Counter[str] = Counter()

    @override
    def decided(
        self,
        commands: Sequence[Command],
        decisions: Sequence[Decision],
        at: datetime,
        lanes: Sequence[Lane],
    ) -> None:
        super().decided(commands, decisions, at, lanes)
        self.handled.update(command.id for command in commands)

    @override
    def result_received(
        self,
        result: PbxResult,
        phone_number: str | None,
        verdict: Verdict | None,
        traceparent: str | None = None,
    ) -> None:
        super().result_received(result, phone_number, verdict, traceparent)
        self.handled[result.id] += 1


class StoryHarness:
    """The worker and its servers, shared by all stories."""

    def __init__(self, database: Database, settings: Settings, platform: Platform) -> None:
        self.database = database
        self.settings = settings
        self.platform = platform
        self.clock = datetime.now(UTC)
        self._reporter = CountingReporter()
        self._expected: Counter[str] = Counter()
        self._worker: Supervisor | None = None
        self._running: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts a worker."""
        self._worker = supervisor(self.database, self.settings, self._reporter, lambda: self.clock)
        self._running = asyncio.create_task(self._worker.run())

    async def kill_and_restart(self) -> None:
        """Cancels the worker at whatever point it is, and starts another."""
        await self.stop()
        self.start()

    async def stop(self) -> None:
        """Cancels the worker at whatever point it is."""
        assert self._running is not None
        assert self._worker is not None
        # The library may take the cancellation for a lost connection: the worker would continue.
        self._worker.stop()
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)

    async def until_handled(self, identifier: str) -> None:
        """Waits until the worker has handled the message with this id once more."""
        self._expected[identifier] += 1
        await _until(lambda: self._reporter.handled[identifier] >= self._expected[identifier])

    async def until_idle(self) -> None:
        """Waits until no operation is due and no message is left to publish."""
        async with asyncio.timeout(90):
            while await self._is_busy():
                await asyncio.sleep(0.01)

    @asynccontextmanager
    async def full_subscriber(self) -> AsyncIterator[None]:
        """Within this context the broker refuses each event, because one queue takes none."""
        queue = await self.platform.channel.declare_queue(
            exclusive=True, arguments={"x-max-length": 0, "x-overflow": "reject-publish"}
        )
        await queue.bind("telephony.events", "#")
        yield
        await queue.delete(if_unused=False, if_empty=False)

    async def until_refused(self) -> None:
        """Waits until the relay has tried every message that it may try."""
        async with asyncio.timeout(90):
            while await rows(self.database, UNTRIED):
                await asyncio.sleep(0.01)

    async def until_not_due(self) -> None:
        """Waits until no operation is due; messages may wait."""
        async with asyncio.timeout(90):
            while await self._is_due():
                await asyncio.sleep(0.01)

    async def _is_busy(self) -> bool:
        # In this order: an operation that advances in between leaves messages in the outbox.
        return await self._is_due() or bool(await rows(self.database, "SELECT 1 FROM outbox"))

    async def _is_due(self) -> bool:
        async with self.database.transaction() as session:
            return bool(await find_due(session, 0, self.clock, 1))


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():
            await asyncio.sleep(0.005)


def awaiting_all_steps(settings: Settings) -> Settings:
    """The settings of a worker that awaits every step and requests it again at once."""
    return settings.model_copy(
        update={
            "awaited_steps": frozenset(Step),
            "step_attempts_maximum": ATTEMPTS,
            # Shorter than a worker accepts, so that stories are fast.
            "step_first_pause_seconds": 0.001,
            "sweep_interval_seconds": 0.02,
            "operation_at_risk_seconds": AT_RISK.total_seconds(),
            "operation_time_allowed_seconds": OVERDUE.total_seconds(),
        }
    )
