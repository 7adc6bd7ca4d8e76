"""A story told to a real worker and to a model of it, step by step.

The worker, the broker and the database are real. The clock is a parameter: nobody waits.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from typing_extensions import override

from contracts.messages import Command, PbxResult
from tests.support.model import AT_RISK, ATTEMPTS, OVERDUE, Modelled
from tests.support.platform import Platform
from tests.support.workers import rows
from worker.app.run import supervisor
from worker.core.decision import Decision
from worker.core.results import Resolution, Verdict
from worker.operator.resolve import resolve_number
from worker.settings import Settings
from worker.storage.engine import Database
from worker.storage.operations import find_due
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

if TYPE_CHECKING:
    from worker.cluster.supervisor import Supervisor

LIMIT = 2
"""Voice services of an account."""
NUMBERS = 3
STALE_FROM = 5
"""A choice beyond it answers any step that was ever asked for, and not only one that is open."""
STEPS = ("activation", "handset_logout", "hunt_group_membership", "extension_reset")


class Listening(Reporter):
    """Notes what was handled, so that a story goes on when its last word was understood."""

    def __init__(self) -> None:
        super().__init__(Metrics())
        self.handled: Counter[str] = Counter()

    @override
    def decided(
        self, commands: Sequence[Command], decisions: Sequence[Decision], at: datetime
    ) -> None:
        super().decided(commands, decisions, at)
        self.handled.update(command.id for command in commands)

    @override
    def result_received(
        self, result: PbxResult, phone_number: str | None, verdict: Verdict | None
    ) -> None:
        super().result_received(result, phone_number, verdict)
        self.handled[result.id] += 1


class Asked(NamedTuple):
    """A command, and whether the model says that it is accepted."""

    operation: str
    number: str
    accepted: bool


class Story:
    """One story: numbers of an account of its own, told to the worker and to the model."""

    def __init__(self, stage: "Stage", account: str) -> None:
        self.stage = stage
        self.account = account
        self.numbers = [f"+4420{account}{place:02d}" for place in range(NUMBERS)]
        self.model = {number: Modelled() for number in self.numbers}
        self.model[self.numbers[0]].status = "ACTIVE"
        self.model[self.numbers[0]].furnished = True
        self.commands: dict[str, Asked] = {}
        self.reused: set[str] = set()
        self.answers: list[tuple[str, str, str, str]] = []

    async def tell(self, step: tuple[Any, ...]) -> None:
        """Carries out one step and waits until the worker is at rest."""
        word, *arguments = step
        await getattr(self, f"_{word}")(*arguments)
        await self.stage.rest()

    async def _ask(self, wishes: list[tuple[str, int]]) -> None:
        """Commands that arrive together, in this order."""
        begun = []
        for operation, place in wishes:
            number = self.numbers[place]
            model = self.model[number]
            free = LIMIT - sum(item.status != "RESERVED" for item in self.model.values())
            command = f"{self.account}-command-{len(self.commands)}"
            accepted = model.takes(operation, free)
            self.commands[command] = Asked(operation, number, accepted=accepted)
            if accepted:
                model.begin(operation, command, self.stage.clock)
                begun.append((model, command))
            await self._send(command)
        for command in list(self.commands)[-len(wishes) :]:
            await self.stage.until_handled(command)
        for model, command in begun:
            found = await rows(
                self.stage.database,
                f"SELECT operation_id FROM pbx_steps WHERE command_id = '{command}'",
            )
            model.open = {str(operation_id): 1 for (operation_id,) in found}
            assert model.open

    async def _ask_again(self, choice: int) -> None:
        """The same command once more: nothing follows."""
        if self.commands:
            command = list(self.commands)[choice % len(self.commands)]
            await self._send(command)
            await self.stage.until_handled(command)

    async def _ask_otherwise(self, choice: int) -> None:
        """Another command under an id that was used before: refused, and nothing follows."""
        if self.commands:
            command = list(self.commands)[choice % len(self.commands)]
            self.reused.add(command)
            await self._send(command, requested_by="Eve")
            await self.stage.until_handled(command)

    async def _send(self, command: str, **changes: str) -> None:
        asked = self.commands[command]
        await self.stage.platform.send(
            asked.operation, asked.number, id=command, account_id=self.account, **changes
        )

    async def _answer(self, place: int, word: str, choice: int) -> None:
        """Mostly a step that is open; now and then any that was ever asked for."""
        waiting = [number for number in self.numbers if self.model[number].open]
        number = (waiting or self.numbers)[place % len(waiting or self.numbers)]
        found = await rows(
            self.stage.database,
            f"SELECT operation_id FROM pbx_steps WHERE phone_number = '{number}' ORDER BY place",
        )
        ever = [str(operation_id) for (operation_id,) in found]
        asked = ever if choice > STALE_FROM else list(self.model[number].open) or ever
        if not asked:
            return
        operation_id = asked[choice % len(asked)]
        identifier = f"{self.account}-{len(self.answers)}"
        self.answers.append((number, operation_id, word, identifier))
        self.model[number].answer(operation_id, word)
        await self._say(operation_id, word, identifier)

    async def _repeat(self, choice: int) -> None:
        if self.answers:
            _, operation_id, word, identifier = self.answers[choice % len(self.answers)]
            await self._say(operation_id, word, identifier)

    async def _say(self, operation_id: str, word: str, identifier: str) -> None:
        await self.stage.platform.answer(operation_id, word, id=identifier)
        await self.stage.until_handled(identifier)

    async def _later(self, time: timedelta) -> None:
        self.stage.clock += time
        for model in self.model.values():
            model.passes(self.stage.clock)

    async def _kill(self) -> None:
        await self.stage.kill_and_restart()

    async def end(self) -> None:
        """Brings every operation to an end: time passes, and a person does what is left."""
        await self.tell(("later", OVERDUE))
        for number, model in self.model.items():
            if model.status == "PENDING":
                await resolve_number(
                    self.stage.settings, number, Resolution.DONE, decided_by="Ada", reason="done"
                )
                model.status = "RESERVED"
        await self.stage.rest()


class Stage:
    """The real parts, shared by all stories."""

    def __init__(self, database: Database, settings: Settings, platform: Platform) -> None:
        self.database = database
        self.settings = settings
        self.platform = platform
        self.clock = datetime.now(UTC)
        self.reporter = Listening()
        self.told: Counter[str] = Counter()
        self._worker: Supervisor | None = None
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """A worker begins to work."""
        self._worker = supervisor(self.database, self.settings, self.reporter, lambda: self.clock)
        self._working = asyncio.create_task(self._worker.run())

    async def kill_and_restart(self) -> None:
        """The worker is cut off wherever it is, and another begins."""
        await self.stop()
        self.start()

    async def stop(self) -> None:
        """The worker is cut off wherever it is."""
        assert self._working is not None
        assert self._worker is not None
        # The library can take a cancellation for a lost connection: this one is not survived.
        self._worker.stop()
        self._working.cancel()
        await asyncio.gather(self._working, return_exceptions=True)

    async def until_handled(self, identifier: str) -> None:
        """Waits until the message with this id was understood once more."""
        self.told[identifier] += 1
        await _until(lambda: self.reporter.handled[identifier] >= self.told[identifier])

    async def rest(self) -> None:
        """Waits until nothing is left that the worker could do now."""
        async with asyncio.timeout(30):
            while await self._busy():
                await asyncio.sleep(0.01)

    async def _busy(self) -> bool:
        # In this order: what is concluded in between is seen in the outbox.
        async with self.database.transaction() as session:
            if await find_due(session, 0, self.clock, 1):
                return True
        waiting = await rows(
            self.database,
            "SELECT 1 FROM outbox",
        )
        return bool(waiting)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.005)


def waiting(settings: Settings) -> Settings:
    """The settings of a worker that waits for everything, and asks again at once."""
    return Settings.model_validate(
        {
            **settings.model_dump(),
            "awaited_steps": STEPS,
            "step_attempts_maximum": ATTEMPTS,
            "step_first_pause_seconds": 0.001,
            "sweep_interval_seconds": 0.02,
            "operation_at_risk_seconds": AT_RISK.total_seconds(),
            "operation_time_allowed_seconds": OVERDUE.total_seconds(),
        }
    )
