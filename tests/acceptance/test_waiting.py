"""Any story of commands, results, silence, kills and people, against a model of it.

The worker, the broker and the database are real. The clock is a parameter: nobody waits.
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, NamedTuple

from hypothesis import Phase, given
from hypothesis import settings as configure
from hypothesis import strategies as some
from typing_extensions import override

from contracts.catalogue import CATALOGUE, PBX_EXCHANGE
from contracts.messages import Command, PbxResult
from tests.support.model import AT_RISK, ATTEMPTS, DONE_WORDS, OVERDUE, Modelled
from tests.support.platform import Event, Platform
from tests.support.workers import rows, store
from worker.core.decision import Decision
from worker.core.results import Resolution, Verdict
from worker.shell.database.engine import Database
from worker.shell.database.outbox import find_ready
from worker.shell.lane import Lane
from worker.shell.metrics import Metrics
from worker.shell.reporting import Reporter
from worker.shell.resolving import resolve_number
from worker.shell.settings import Settings

LIMIT = 2
STALE_FROM = 5
NUMBERS = 3
EXAMPLES = int(os.environ.get("STORIES", "40"))
STEPS = ("activation", "handset_logout", "hunt_group_membership", "extension_reset")

PBX_TYPES = {definition.type for definition in CATALOGUE if definition.exchange == PBX_EXCHANGE}

places = some.integers(0, NUMBERS - 1)
words = some.sampled_from(["done", "done", *DONE_WORDS, *["retry_later", "refused"] * 3])
wishes = some.tuples(some.sampled_from(["activate", "deactivate"]), places)
steps = some.one_of(
    some.tuples(some.just("ask"), wishes.map(lambda wish: [wish])),
    some.tuples(some.just("ask"), wishes.map(lambda wish: [wish])),
    some.tuples(some.just("ask"), some.lists(wishes, min_size=2, max_size=5)),
    some.tuples(some.just("ask_again"), some.integers(0, 5)),
    some.tuples(some.just("ask_otherwise"), some.integers(0, 5)),
    some.tuples(some.just("answer"), places, words, some.integers(0, STALE_FROM + 2)),
    some.tuples(some.just("answer"), places, words, some.integers(0, STALE_FROM)),
    some.tuples(some.just("answer"), places, words, some.integers(0, STALE_FROM)),
    some.tuples(some.just("repeat"), some.integers(0, 5)),
    some.tuples(some.just("later"), some.sampled_from([AT_RISK, OVERDUE])),
    some.tuples(some.just("kill")),
)


class Listening(Reporter):
    """Notes what was handled, so that a story goes on when its last word was understood."""

    def __init__(self) -> None:
        super().__init__(Metrics())
        self.handled: Counter[str] = Counter()

    @override
    def decided(self, commands: Sequence[Command], decisions: Sequence[Decision]) -> None:
        super().decided(commands, decisions)
        self.handled.update(command.id for command in commands)

    @override
    def answered(
        self, result: PbxResult, phone_number: str | None, verdict: Verdict | None
    ) -> None:
        super().answered(result, phone_number, verdict)
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
                f"SELECT operation_id FROM pbx_operations WHERE command_id = '{command}'",
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
            "SELECT operation_id FROM pbx_operations"
            f" WHERE phone_number = '{number}' ORDER BY place",
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
        self._lane: Lane | None = None
        self._working: asyncio.Task[None] | None = None

    def start(self) -> None:
        """A worker begins to work."""
        self._lane = Lane(self.database, self.settings, self.reporter, lambda: self.clock)
        self._working = asyncio.create_task(self._lane.run())

    async def kill_and_restart(self) -> None:
        """The worker is cut off wherever it is, and another begins."""
        await self.stop()
        self.start()

    async def stop(self) -> None:
        """The worker is cut off wherever it is."""
        assert self._working is not None
        assert self._lane is not None
        # The library can take a cancellation for a lost connection: this one is not survived.
        self._lane.stop()
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
        async with self.database.transaction() as connection:
            if await find_ready(connection, None, self.clock, 1):
                return True
        waiting = await rows(
            self.database,
            "SELECT 1 FROM outbox UNION ALL SELECT 1 FROM pbx_operations"
            f" WHERE ended_at IS NULL AND again_at <= '{self.clock.isoformat()}'",
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


async def check(story: Story) -> None:
    """Database, events and ledger say the same as the model."""
    found = await pairs(
        story.stage.database,
        f"SELECT phone_number, status FROM phone_numbers WHERE account_id = '{story.account}'",
    )
    assert found == {number: model.status for number, model in story.model.items()}
    used = Counter(status for status in found.values())
    usage = "SELECT active, pending FROM entitlement_usage WHERE account_id"
    assert await rows(story.stage.database, f"{usage} = '{story.account}'") == [
        (used["ACTIVE"], used["PENDING"])
    ]
    ledger = await pairs(
        story.stage.database,
        "SELECT command_id, outcome FROM commands"
        f" WHERE original AND account_id = '{story.account}'",
    )
    assert {*ledger} == {*story.commands}
    for command, asked in story.commands.items():
        assert (ledger[command] != "rejected") is asked.accepted
        assert ledger[command] != "pending"
    await _check_events(story)


async def pairs(database: Database, query: str) -> dict[str, str]:
    return {str(key): str(value) for key, value in await rows(database, query)}


def _events_of(story: Story) -> list[Event]:
    events: dict[str, Event] = {}
    for event in (*story.stage.platform.events, *story.stage.platform.pbx_messages):
        assert events.setdefault(event["id"], event) == event, "one id, two contents"
    return [event for event in events.values() if event["data"].get("account_id") == story.account]


def _ends(event: Event) -> bool:
    data, kind = event["data"], event["type"].split(".")[2]
    if data.get("code") == "COMMAND_ID_REUSED":
        return False
    if kind == "operation_failed":
        return not data["needs_a_person"]
    wanted = {("activate", "ACTIVE"), ("deactivate", "RESERVED")}
    return kind == "command_rejected" or (
        kind == "status_changed" and (data["operation"], data["status"]) in wanted
    )


class Told(NamedTuple):
    """What was heard of a story: each command's last words, refused reuses, what the PBX got."""

    ends: Counter[str]
    reused: list[str]
    asked: set[tuple[str, str]]


def _told(story: Story) -> Told:
    told = Told(Counter(), [], set())
    for event in _events_of(story):
        command = event["data"]["command_id"]
        told.ends.update([command] * _ends(event))
        if event["data"].get("code") == "COMMAND_ID_REUSED":
            told.reused.append(command)
        if event["type"] in PBX_TYPES:
            told.asked.add((command, event["type"].split(".")[2]))
    told.reused.sort()
    return told


async def _check_events(story: Story) -> None:
    asked = set().union(*(model.asked for model in story.model.values()))
    wanted = Told(Counter(dict.fromkeys(story.commands, 1)), sorted(story.reused), asked)
    # What the broker has confirmed is still on its way to the one who listens.
    with contextlib.suppress(AssertionError):
        await story.stage.platform.until(lambda: _told(story) == wanted)
    assert _told(story) == wanted
    sequences: dict[str, list[int]] = {}
    for event in _events_of(story):
        data = event["data"]
        if event["type"].endswith("status_changed.v1"):
            sequences.setdefault(event["subject"], []).append(data["sequence"])
            assert data["entitlement"]["active"] + data["entitlement"]["pending"] <= LIMIT
    for seen in sequences.values():
        assert seen == list(range(1, len(seen) + 1))


async def told(stage: Stage, account: str, told_steps: list[tuple[Any, ...]]) -> None:
    """One story from its beginning to its end."""
    story = Story(stage, account)
    await store(stage.database, *_site(story))
    # One worker for each story: while the next story is drawn, nobody may use chance.
    stage.start()
    try:
        for step in told_steps:
            await story.tell(step)
        await story.end()
    finally:
        await stage.stop()
    await check(story)


def _site(story: Story) -> list[str]:
    account, in_use = story.account, story.numbers[0]
    numbers = ", ".join(
        f"('{number}', 'london', '{account}', '1{place}', '{story.model[number].status}')"
        for place, number in enumerate(story.numbers)
    )
    return [
        f"""INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
        VALUES ('{account}', '{account}', 'occupier', 'london', {LIMIT})""",
        f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, extension, status)
        VALUES {numbers}""",
        f"INSERT INTO handset_logins VALUES ('{in_use}', 'desk', 'digital')",
        f"INSERT INTO hunt_group_members VALUES ('{in_use}', 'reception')",
    ]


async def test_every_story_ends_as_the_model_says(
    database: Database, settings: Settings, platform: Platform
) -> None:
    loop = asyncio.get_running_loop()
    accounts = (f"{number:06d}" for number in count(1))
    stage = Stage(database, waiting(settings), platform)

    @given(some.lists(steps, min_size=6, max_size=20))
    # Not shrunk: each story that fails costs the patience of its last wait.
    @configure(max_examples=EXAMPLES, phases=[Phase.reuse, Phase.generate])
    def tell(told_steps: list[tuple[Any, ...]]) -> None:
        story = told(stage, next(accounts), told_steps)
        asyncio.run_coroutine_threadsafe(story, loop).result()

    await asyncio.to_thread(tell)
