"""Random sequences of commands, duplicates, bursts, kills and restarts, compared with a model.

The worker is the installed command, killed by SIGKILL; broker and database are real. A run executes
a few fixed sequences; STATE_MACHINE_EXAMPLES asks for that many random ones instead.
"""

import asyncio
import contextlib
import os
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

from tests.support.data.building import Building, Content, Number
from tests.support.environments import Environment, environment
from tests.support.faults.lossy import until_idle
from tests.support.installed_command import COMMAND
from tests.support.platform import Platform
from tests.support.stories.model_checks import (
    PublishedMessages,
    assert_database_matches,
    store_building,
)
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

EXAMPLES = os.environ.get("STATE_MACHINE_EXAMPLES")
PLACES = 10
LONG_AGO = "2020-01-01T00:00:00Z"

# Most draws are commands that are accepted and have many effects.
places = some.sampled_from([1, 1, 3, 4, 5, 3, 4, 5, 6, 7, 6, 7, *range(PLACES + 1)])
mistakes = some.sampled_from([*[""] * 12, "account", "site", "expired"])
drawn_commands = some.tuples(some.sampled_from(["activate", "deactivate"]), places, mistakes)
bursts = some.lists(drawn_commands, min_size=3, max_size=8)
choices = some.integers(0, 30)

Drawn = tuple[str, int, str]
"""An operation, the place of a number, and a mistake."""


def building_of(run: int) -> Building:
    """Two accounts with fewer services than numbers; each run has its own accounts and numbers."""
    big, small = f"big-{run}", f"small-{run}"
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
    numbers = {f"+4420{run:06d}{place:02d}": number for place, number in enumerate(held)}
    return Building("london", {big: 5, small: 1}, numbers, {big: "reception"})


class Harness:
    """The worker process and its servers, shared by all runs; the worker may be dead."""

    def __init__(self, environment: Environment, database: Database, platform: Platform) -> None:
        self.loop = asyncio.get_running_loop()
        self.environment = environment
        self.database = database
        self.platform = platform
        self.worker: asyncio.subprocess.Process | None = None
        self.runs = count(1)

    def wait_for(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs it on the event loop, called from the thread in which hypothesis draws."""
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def start(self) -> None:
        """Starts a worker if none runs; does not wait until it leads."""
        if self.worker is None:
            self.worker = await asyncio.create_subprocess_exec(
                COMMAND, "run", env=dict(self.environment)
            )

    async def kill(self) -> None:
        """Kills the worker by SIGKILL if one runs."""
        if self.worker is not None:
            assert self.worker.returncode is None, "the worker ended by itself"
            self.worker.kill()
            await self.worker.wait()
            self.worker = None


class Telephony(RuleBasedStateMachine):
    """One run: applies each rule to the worker and to the model."""

    harness: ClassVar[Harness]

    def __init__(self) -> None:
        super().__init__()
        harness = self.harness
        self.run_number = next(harness.runs)
        self.building = building_of(self.run_number)
        self.sent: list[tuple[str, Content]] = []
        harness.wait_for(store_building(harness.database, self.building))
        harness.wait_for(harness.start())

    @rule(drawn=drawn_commands)
    def send_command(self, drawn: Drawn) -> None:
        self.harness.wait_for(self.send_new(drawn))

    @rule(burst=bursts)
    def send_burst(self, burst: list[Drawn]) -> None:
        for drawn in burst:
            self.harness.wait_for(self.send_new(drawn))

    @precondition(lambda self: self.sent)
    @rule(choice=choices)
    def repeat_command(self, choice: int) -> None:
        self.harness.wait_for(self.send(*self.sent[choice % len(self.sent)]))

    @precondition(lambda self: self.sent)
    @rule(choice=choices, person=some.sampled_from(["Eve", "Mallory"]))
    def reuse_command_id(self, choice: int, person: str) -> None:
        command, content = self.sent[choice % len(self.sent)]
        self.harness.wait_for(self.send(command, content._replace(requested_by=person)))

    @rule(burst=bursts, messages=some.integers(0, 8))
    def send_burst_and_kill_worker(self, burst: list[Drawn], messages: int) -> None:
        for drawn in burst:
            self.harness.wait_for(self.send_new(drawn))
        self.harness.wait_for(self.kill_after(messages))

    @precondition(lambda self: not self.harness.worker)
    @rule()
    def start_worker(self) -> None:
        self.harness.wait_for(self.harness.start())

    @precondition(lambda self: self.building.under_way)
    @rule()
    def compare_when_idle(self) -> None:
        self.harness.wait_for(self.until_idle())

    @override
    def teardown(self) -> None:
        self.harness.wait_for(self.until_idle())

    async def send_new(self, drawn: Drawn) -> None:
        """Sends a command under a new id; one place has no number."""
        operation, place, mistake = drawn
        phone_number = f"+4420{self.run_number:06d}{place:02d}"
        number = self.building.numbers.get(phone_number)
        account = (number and number.account_id) or f"small-{self.run_number}"
        content = Content(
            operation,
            phone_number,
            f"stranger-{self.run_number}" if mistake == "account" else account,
            "paris" if mistake == "site" else self.building.site_id,
            expired=mistake == "expired",
        )
        await self.send(f"{self.run_number}-{len(self.building.contents)}", content)

    async def send(self, command: str, content: Content) -> None:
        """Applies the command to the model and sends it.

        The broker confirms each command before the next is sent: their order is that of the model.
        """
        if self.building.depends_on_timing(command, content):
            await self.until_idle()
        self.sent.append((command, content))
        self.building.apply(command, content)
        details = content._asdict()
        operation = details.pop("operation")
        expiry = {"expirytime": LONG_AGO} if details.pop("expired") else {}
        await self.harness.platform.send(operation, id=command, **details, **expiry)

    async def kill_after(self, messages: int) -> None:
        """Kills the worker after so many more messages, or when it has published all."""
        await self.harness.start()
        platform = self.harness.platform
        enough = len(platform.events) + len(platform.pbx_messages) + messages
        await platform.until(
            lambda: (
                len(platform.events) + len(platform.pbx_messages) >= enough
                or PublishedMessages(platform, self.building).are_complete(self.building)
            )
        )
        await self.harness.kill()

    async def until_idle(self) -> None:
        """Waits until every command is decided and has had its effects, and compares."""
        await self.harness.start()
        # The worker decides in the order of arrival: when it has decided this one, it has all.
        last = f"{self.run_number}-{len(self.building.contents)}"
        content = Content(
            "activate", f"+4420{self.run_number:06d}99", "stranger", self.building.site_id
        )
        self.building.apply(last, content)
        await self.harness.platform.send(content.operation, content.phone_number, id=last)
        await self.harness.platform.outcome(last)
        await until_idle(self.harness.database)
        self.building.under_way.clear()
        await self.compare()

    async def compare(self) -> None:
        """Asserts that events, PBX messages and database are as the model says."""
        building, platform = self.building, self.harness.platform
        # Messages that the broker has confirmed may not have reached the test yet.
        with contextlib.suppress(AssertionError):
            await platform.until(
                lambda: PublishedMessages(platform, building).are_complete(building)
            )
        published = PublishedMessages(platform, building)
        assert published.events == building.events
        assert published.pbx_messages == building.pbx_messages
        assert published.sequences == {
            phone_number: list(range(1, last + 1))
            for phone_number, last in building.sequences.items()
        }
        await assert_database_matches(self.harness.database, building)


async def test_worker_matches_the_model_through_random_commands_and_kills(
    environment: Environment, database: Database, platform: Platform
) -> None:
    harness = Telephony.harness = Harness(environment, database, platform)
    settings = configure(
        max_examples=int(EXAMPLES or 3),
        stateful_step_count=20,
        # No shrinking: each failing example takes as long as its last timeout.
        phases=[Phase.generate],
        derandomize=EXAMPLES is None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        await asyncio.to_thread(run_state_machine_as_test, Telephony, settings=settings)
    finally:
        await harness.kill()
