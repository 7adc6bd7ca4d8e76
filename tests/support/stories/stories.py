"""A story: steps that are applied to a real worker and to a model of it, one after the other."""

from datetime import timedelta
from typing import Any, NamedTuple

from tests.support.data.inserts import (
    handset_login,
    hunt_group_member,
    phone_numbers,
    voice_service,
)
from tests.support.stories.model import AT_RISK, OVERDUE, ModelNumber
from tests.support.stories.story_harness import StoryHarness
from tests.support.workers import rows, store
from worker.core.operations.results import Resolution
from worker.operator.resolve import resolve_number
from worker.storage.acts import Author

LIMIT = 2
"""Voice services of an account."""
NUMBERS = 3
STALE_FROM = 5
"""A choice above it picks any step that was ever requested, and not only an open one."""


class SentCommand(NamedTuple):
    """A command, and whether the model accepts it."""

    operation: str
    number: str
    accepted: bool


class Story:
    """One story, with an account and numbers of its own."""

    def __init__(self, harness: StoryHarness, account: str) -> None:
        self.harness = harness
        self.account = account
        self.numbers = [f"+4420{account}{place:02d}" for place in range(NUMBERS)]
        self.model = {number: ModelNumber() for number in self.numbers}
        self.model[self.numbers[0]].status = "ACTIVE"
        self.model[self.numbers[0]].in_full_use = True
        self.commands: dict[str, SentCommand] = {}
        self.reused: set[str] = set()
        """The ids under which a second, different command was sent."""
        self._results: list[tuple[str, str, str]] = []

    async def store(self) -> None:
        """Stores the account and its numbers."""
        in_use = self.numbers[0]
        await store(
            self.harness.database,
            voice_service(LIMIT, self.account),
            *(
                phone_numbers(
                    number,
                    account_id=self.account,
                    extension=f"1{place}",
                    status=self.model[number].status,
                )
                for place, number in enumerate(self.numbers)
            ),
            handset_login(in_use),
            hunt_group_member(in_use),
        )

    async def perform(self, step: tuple[Any, ...]) -> None:
        """Performs one step and waits until the worker is idle."""
        name, *arguments = step
        await getattr(self, f"_{name}")(*arguments)
        await self.harness.until_idle()

    async def _send_commands(self, drawn: list[tuple[str, int]]) -> None:
        """Sends new commands in one burst, in this order."""
        begun = []
        for operation, place in drawn:
            number = self.numbers[place]
            model = self.model[number]
            free = LIMIT - sum(item.status != "RESERVED" for item in self.model.values())
            command = f"{self.account}-command-{len(self.commands)}"
            accepted = model.accepts(operation, free)
            self.commands[command] = SentCommand(operation, number, accepted=accepted)
            if accepted:
                model.begin(operation, command, self.harness.clock)
                begun.append((model, command))
            await self._send(command)
        for command in list(self.commands)[-len(drawn) :]:
            await self.harness.until_handled(command)
        for model, command in begun:
            found = await rows(
                self.harness.database,
                f"SELECT step_id FROM pbx_steps WHERE command_id = '{command}'",
            )
            model.open_steps = {str(step_id): 1 for (step_id,) in found}
            assert model.open_steps

    async def _miss_a_deadline_unsent(self, drawn: tuple[str, int]) -> None:
        """Sends a command while a subscriber's queue is full, and until the deadline has passed."""
        async with self.harness.full_subscriber():
            await self._send_commands([drawn])
            await self.harness.until_refused()
            await self._pass_time(OVERDUE)
            await self.harness.until_not_due()
            await self.harness.until_refused()
        # The broker refused the messages; their next attempt is at most a minute later.
        await self._pass_time(AT_RISK)

    async def _repeat_command(self, choice: int) -> None:
        """Sends a command again, which has no effect."""
        if self.commands:
            command = list(self.commands)[choice % len(self.commands)]
            await self._send(command)
            await self.harness.until_handled(command)

    async def _reuse_command_id(self, choice: int) -> None:
        """Sends a different command under an id that is in use, which is refused."""
        if self.commands:
            command = list(self.commands)[choice % len(self.commands)]
            self.reused.add(command)
            await self._send(command, requested_by="Eve")
            await self.harness.until_handled(command)

    async def _send(self, command: str, **changes: str) -> None:
        sent = self.commands[command]
        await self.harness.platform.send(
            sent.operation, sent.number, id=command, account_id=self.account, **changes
        )

    async def _send_result(self, place: int, result: str, choice: int) -> None:
        """Sends a PBX result, mostly for an open step, sometimes for any earlier one."""
        waiting = [number for number in self.numbers if self.model[number].open_steps]
        number = (waiting or self.numbers)[place % len(waiting or self.numbers)]
        found = await rows(
            self.harness.database,
            f"SELECT step_id FROM pbx_steps WHERE phone_number = '{number}' ORDER BY place",
        )
        every = [str(step_id) for (step_id,) in found]
        steps = every if choice > STALE_FROM else list(self.model[number].open_steps) or every
        if not steps:
            return
        step_id = steps[choice % len(steps)]
        identifier = f"{self.account}-{len(self._results)}"
        self._results.append((step_id, result, identifier))
        self.model[number].apply_result(step_id, result)
        await self._publish_result(step_id, result, identifier)

    async def _repeat_result(self, choice: int) -> None:
        if self._results:
            await self._publish_result(*self._results[choice % len(self._results)])

    async def _publish_result(self, step_id: str, result: str, identifier: str) -> None:
        await self.harness.platform.answer(step_id, result, id=identifier)
        await self.harness.until_handled(identifier)

    async def _pass_time(self, time: timedelta) -> None:
        self.harness.clock += time
        for model in self.model.values():
            model.advance_to(self.harness.clock)

    async def _kill_worker(self) -> None:
        await self.harness.kill_and_restart()

    async def end(self) -> None:
        """Ends every operation: time passes, and an operator resolves what is left."""
        await self.perform(("pass_time", OVERDUE))
        for number, model in self.model.items():
            if model.status == "PENDING":
                await resolve_number(
                    self.harness.settings, number, Resolution.DONE, Author("Ada", "done")
                )
                model.status = "RESERVED"
        await self.harness.until_idle()
