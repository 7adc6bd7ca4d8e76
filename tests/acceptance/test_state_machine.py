"""Any story of commands, repeats, bursts, kills and restarts, against a model of the building.

The worker is the installed command, killed by SIGKILL; broker and database are real. Some stories
are told each time; STATE_MACHINE_EXAMPLES asks for so many others.
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import Coroutine
from itertools import count
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase
from hypothesis import settings as configure
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from tests.support.building import Building, Number, Wish
from tests.support.environments import Environment, environment
from tests.support.installed_command import COMMAND
from tests.support.platform import Event, Platform
from tests.support.workers import rows, store
from worker.storage.engine import Database

__all__ = ["environment"]

EXAMPLES = os.environ.get("STATE_MACHINE_EXAMPLES")
PLACES = 10
LONG_AGO = "2020-01-01T00:00:00Z"

# Mostly what is likely to be accepted, and has much to follow.
places = some.sampled_from([1, 1, 3, 4, 5, 3, 4, 5, 6, 7, 6, 7, *range(PLACES + 1)])
wrongs = some.sampled_from([*[""] * 12, "account", "site", "expired"])
wishes = some.tuples(some.sampled_from(["activate", "deactivate"]), places, wrongs)
bursts = some.lists(wishes, min_size=3, max_size=8)
choices = some.integers(0, 30)


def building_of(story: int) -> Building:
    """Two accounts, both with fewer services than numbers; accounts and numbers of its own."""
    big, small = f"big-{story}", f"small-{story}"
    devices = {"desk": "digital", "hall": "digital", "lift": "analogue"}
    held = [
        Number(big, "ACTIVE", main=True),
        Number(big, "ACTIVE", hunt_groups={"reception", "sales"}, devices=devices),
        Number(big, "ACTIVE", assigned=True),
        *(Number(big, "RESERVED") for _ in range(3)),
        *(Number(small, "RESERVED") for _ in range(2)),
        Number(None, "AVAILABLE"),
        Number(small, "COOLDOWN"),
    ]
    numbers = {f"+4420{story:06d}{place:02d}": number for place, number in enumerate(held)}
    return Building("london", {big: 5, small: 1}, numbers, {big: "reception"})


async def furnish(database: Database, building: Building) -> None:
    """Stores the building as it is before the first command."""
    statements = [
        f"""INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
        VALUES ('{account}', '{account}', 'occupier', '{building.site_id}', {limit})"""
        for account, limit in building.limits.items()
    ]
    for phone_number, number in building.numbers.items():
        account = f"'{number.account_id}'" if number.account_id else "NULL"
        person = "'Grace'" if number.assigned else "NULL"
        statements += [
            f"""INSERT INTO phone_numbers
            (phone_number, site_id, account_id, status, main_number, assigned_to) VALUES
            ('{phone_number}', '{building.site_id}', {account}, '{number.status}', {number.main},
            {person})""",
            *(
                f"INSERT INTO hunt_group_members VALUES ('{phone_number}', '{group}')"
                for group in number.hunt_groups
            ),
            *(
                f"INSERT INTO handset_logins VALUES ('{phone_number}', '{device}', '{kind}')"
                for device, kind in number.devices.items()
            ),
        ]
        if number.main:
            group = building.ringing[str(number.account_id)]
            statements.append(f"""INSERT INTO call_settings
                VALUES ('{phone_number}', '{group}', 'hunt_group', 'voicemail', 'none')""")
    await store(database, *statements)


class Stage:
    """The real parts, shared by all stories; the worker may be dead."""

    def __init__(self, environment: Environment, database: Database, platform: Platform) -> None:
        self.loop = asyncio.get_running_loop()
        self.environment = environment
        self.database = database
        self.platform = platform
        self.worker: asyncio.subprocess.Process | None = None
        self.stories = count(1)

    def wait(self, doing: Coroutine[Any, Any, None]) -> None:
        """Does it on the loop of the servers, from the thread in which stories are drawn."""
        asyncio.run_coroutine_threadsafe(doing, self.loop).result()

    async def start(self) -> None:
        """Starts a worker where none runs; does not wait until it leads."""
        if self.worker is None:
            self.worker = await asyncio.create_subprocess_exec(
                COMMAND, "run", env=dict(self.environment)
            )

    async def kill(self) -> None:
        """SIGKILL, wherever the worker is."""
        if self.worker is not None:
            assert self.worker.returncode is None, "the worker ended by itself"
            self.worker.kill()
            await self.worker.wait()
            self.worker = None


class Heard:
    """What was said of one story, each message once."""

    def __init__(self, platform: Platform, building: Building) -> None:
        self.said: Counter[tuple[str, str]] = Counter()
        self.asked: Counter[tuple[str, str, str]] = Counter()
        self.sequences: dict[str, list[int]] = {}
        once: dict[str, Event] = {}
        for event in (*platform.events, *platform.pbx_messages):
            if event["data"]["command_id"] not in building.seen:
                continue
            assert once.setdefault(event["id"], event) == event, "one id, two contents"
        for event in once.values():
            self._note(event["type"].split(".")[2], event["data"])

    def _note(self, kind: str, data: dict[str, Any]) -> None:
        command = data["command_id"]
        if kind in {"membership", "logout", "reset"}:
            subject = data.get("hunt_group_id") or data.get("device_id") or ""
            self.asked[command, data.get("action", kind), subject] += 1
            return
        self.said[command, data.get("code") or data.get("status") or data["device_id"]] += 1
        if kind == "status_changed":
            self.sequences.setdefault(data["phone_number"], []).append(data["sequence"])

    def all_of(self, building: Building) -> bool:
        """Whether nothing that is to be said is missing."""
        return self.said >= building.said and self.asked >= building.asked


class Telephony(RuleBasedStateMachine):
    """One story, told to the worker and to the model."""

    stage: ClassVar[Stage]

    def __init__(self) -> None:
        super().__init__()
        stage = self.stage
        self.story = next(stage.stories)
        self.building = building_of(self.story)
        self.sent: list[tuple[str, Wish]] = []
        stage.wait(furnish(stage.database, self.building))
        stage.wait(stage.start())

    @rule(wish=wishes)
    def a_command(self, wish: tuple[str, int, str]) -> None:
        self.stage.wait(self.ask(wish))

    @rule(burst=bursts)
    def a_burst(self, burst: list[tuple[str, int, str]]) -> None:
        for wish in burst:
            self.stage.wait(self.ask(wish))

    @precondition(lambda self: self.sent)
    @rule(choice=choices)
    def the_same_again(self, choice: int) -> None:
        self.stage.wait(self.send(*self.sent[choice % len(self.sent)]))

    @precondition(lambda self: self.sent)
    @rule(choice=choices, person=some.sampled_from(["Eve", "Mallory"]))
    def another_under_the_same_id(self, choice: int, person: str) -> None:
        command, wish = self.sent[choice % len(self.sent)]
        self.stage.wait(self.send(command, wish._replace(requested_by=person)))

    @rule(burst=bursts, messages=some.integers(0, 8))
    def a_burst_and_a_kill(self, burst: list[tuple[str, int, str]], messages: int) -> None:
        for wish in burst:
            self.stage.wait(self.ask(wish))
        self.stage.wait(self.kill_after(messages))

    @precondition(lambda self: not self.stage.worker)
    @rule()
    def a_worker_starts(self) -> None:
        self.stage.wait(self.stage.start())

    @precondition(lambda self: self.building.under_way)
    @rule()
    def all_come_to_rest(self) -> None:
        self.stage.wait(self.rest())

    @override
    def teardown(self) -> None:
        self.stage.wait(self.rest())

    async def ask(self, wished: tuple[str, int, str]) -> None:
        """Sends a new command; one place is that of no number at all."""
        operation, place, wrong = wished
        phone_number = f"+4420{self.story:06d}{place:02d}"
        number = self.building.numbers.get(phone_number)
        account = (number and number.account_id) or f"small-{self.story}"
        wish = Wish(
            operation,
            phone_number,
            f"nobody-{self.story}" if wrong == "account" else account,
            "paris" if wrong == "site" else self.building.site_id,
            expired=wrong == "expired",
        )
        await self.send(f"{self.story}-{len(self.building.seen)}", wish)

    async def send(self, command: str, wish: Wish) -> None:
        """One after the other, each confirmed: they arrive in the order of the model."""
        if self.building.hangs_on_pace(command, wish):
            await self.rest()
        self.sent.append((command, wish))
        self.building.take(command, wish)
        details = wish._asdict()
        operation = details.pop("operation")
        expiry = {"expirytime": LONG_AGO} if details.pop("expired") else {}
        await self.stage.platform.send(operation, id=command, **details, **expiry)

    async def kill_after(self, messages: int) -> None:
        """Lets a worker say so much more, if it has so much to say, and kills it."""
        await self.stage.start()
        platform = self.stage.platform
        enough = len(platform.events) + len(platform.pbx_messages) + messages
        await platform.until(
            lambda: (
                len(platform.events) + len(platform.pbx_messages) >= enough
                or Heard(platform, self.building).all_of(self.building)
            )
        )
        await self.stage.kill()

    async def rest(self) -> None:
        """Waits until all is decided, done and said, and compares."""
        await self.stage.start()
        # Commands are decided in the order of arrival: when this one is, all before it are.
        last = f"{self.story}-{len(self.building.seen)}"
        wish = Wish("activate", f"+4420{self.story:06d}99", "nobody", self.building.site_id)
        self.building.take(last, wish)
        await self.stage.platform.send(wish.operation, wish.phone_number, id=last)
        await self.stage.platform.outcome(last)
        async with asyncio.timeout(30):
            while await rows(
                self.stage.database, "SELECT 1 FROM outbox UNION SELECT 1 FROM operations"
            ):
                await asyncio.sleep(0.01)
        self.building.under_way.clear()
        await self.compare()

    async def compare(self) -> None:
        """Events, PBX messages and database say the same as the model."""
        building, platform = self.building, self.stage.platform
        # What the broker has confirmed is still on its way to the one who listens.
        with contextlib.suppress(AssertionError):
            await platform.until(lambda: Heard(platform, building).all_of(building))
        heard = Heard(platform, building)
        assert heard.said == building.said
        assert heard.asked == building.asked
        assert heard.sequences == {
            phone_number: list(range(1, last + 1))
            for phone_number, last in building.sequences.items()
        }
        await check_database(self.stage.database, building)


async def check_database(database: Database, building: Building) -> None:
    """Numbers, memberships, logins, usage and ledger are as the model says."""
    ours = f"phone_number IN ({', '.join(map(repr, building.numbers))})"
    assert await rows(
        database,
        f"SELECT phone_number, status, sequence FROM phone_numbers WHERE {ours} ORDER BY 1",
    ) == [
        (phone_number, number.status, building.sequences[phone_number])
        for phone_number, number in building.numbers.items()
    ]
    members = f"SELECT phone_number, hunt_group_id FROM hunt_group_members WHERE {ours}"
    assert {*await rows(database, members)} == {
        (phone_number, group)
        for phone_number, number in building.numbers.items()
        for group in number.hunt_groups
    }
    logins = f"SELECT phone_number, device_id FROM handset_logins WHERE {ours}"
    assert {*await rows(database, logins)} == {
        (phone_number, device)
        for phone_number, number in building.numbers.items()
        for device in number.devices
    }
    for account in building.limits:
        usage = f"SELECT active, pending FROM entitlement_usage WHERE account_id = '{account}'"
        assert await rows(database, usage) == [(building.used(account), 0)]
    await check_ledger(database, building)


async def check_ledger(database: Database, building: Building) -> None:
    """Every content of every command was decided once, and ended as was said."""
    commands = ", ".join(map(repr, building.seen))
    found = await rows(
        database,
        f"SELECT command_id, outcome, refusal FROM commands WHERE command_id IN ({commands})",
    )
    ends = Counter((command, code or outcome) for command, outcome, code in found)
    assert ends == Counter(
        {
            (command, "completed" if word in {"ACTIVE", "RESERVED"} else word): times
            for (command, word), times in building.said.items()
            if word.isupper() and word != "PENDING"
        }
    )


async def test_every_story_of_kills_ends_as_the_model_says(
    environment: Environment, database: Database, platform: Platform
) -> None:
    stage = Telephony.stage = Stage(environment, database, platform)
    settings = configure(
        max_examples=int(EXAMPLES or 5),
        stateful_step_count=20,
        # Not shrunk: each story that fails costs the patience of its last wait.
        phases=[Phase.generate],
        derandomize=EXAMPLES is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        await asyncio.to_thread(run_state_machine_as_test, Telephony, settings=settings)
    finally:
        await stage.kill()
