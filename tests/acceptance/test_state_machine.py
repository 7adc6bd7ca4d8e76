"""Random sequences of commands, the platform's records, kills and restarts, compared with a model.

The worker is the installed command, killed by SIGKILL; broker and database are real. A run executes
a few fixed sequences; STATE_MACHINE_EXAMPLES asks for that many random ones instead.
"""

import asyncio
import os
from collections import Counter
from copy import deepcopy
from itertools import count
from typing import Any, ClassVar

from hypothesis import HealthCheck, Phase
from hypothesis import settings as configure
from hypothesis import strategies as some
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from typing_extensions import override

from tests.support.data.building import BLANK, Building, Content, Said
from tests.support.environments import Environment, environment
from tests.support.faults.lossy import until_any, until_idle
from tests.support.platform import Platform
from tests.support.stories.killed_worker import Harness
from tests.support.stories.model_checks import (
    PublishedMessages,
    assert_database_matches,
    store_building,
)
from tests.support.stories.random_draws import (
    DEVICES,
    KEYS,
    Drawn,
    DrawnRecord,
    building_of,
    bursts,
    choices,
    drawn_commands,
    drawn_records,
    is_bulk,
    service_of,
)
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

EXAMPLES = os.environ.get("STATE_MACHINE_EXAMPLES")
CONFLICTS = {"NUMBER_IN_USE", "STATUS_NOT_ALLOWED"}
LONG_AGO = "2020-01-01T00:00:00Z"


class Telephony(RuleBasedStateMachine):
    """One run: applies each rule to the worker and to the model."""

    harness: ClassVar[Harness]

    def __init__(self) -> None:
        super().__init__()
        harness = self.harness
        self.run_number = next(harness.runs)
        self.building = building_of(self.run_number)
        self.possible = [self.building]
        """What may have become of it, until it was compared with what the worker did."""
        self.messages = count(1)
        self.sent: list[tuple[str, Content]] = []
        self.said: Counter[tuple[str, tuple[str, ...]]] = Counter()
        """The newest version of each record that was sent."""
        self.unread_records = False
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

    @initialize(drawn=drawn_commands, records=drawn_records, messages=some.integers(0, 12))
    def begin_with_records(self, drawn: Drawn, records: list[DrawnRecord], messages: int) -> None:
        self.harness.wait_for(self.state_all(records))
        self.harness.wait_for(self.race(drawn, records, messages))

    @rule(records=drawn_records)
    def state_records(self, records: list[DrawnRecord]) -> None:
        self.harness.wait_for(self.state_all(records))

    @rule(drawn=drawn_commands, records=drawn_records, messages=some.integers(0, 12))
    def state_records_during_a_command(
        self, drawn: Drawn, records: list[DrawnRecord], messages: int
    ) -> None:
        self.harness.wait_for(self.race(drawn, records, messages))

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
        """Sends a command under a new id."""
        await self.send(*self.new_command(drawn))

    def new_command(self, drawn: Drawn) -> tuple[str, Content]:
        """A command under a new id; one place has no number."""
        operation, place, mistake = drawn
        phone_number = f"{self.building.prefix}{place:02d}"
        number = self.building.numbers.get(phone_number)
        account = (number and number.account_id) or f"small-{self.run_number}"
        content = Content(
            operation,
            phone_number,
            f"stranger-{self.run_number}" if mistake == "account" else account,
            "paris" if mistake == "site" else self.building.site_id,
            expired=mistake == "expired",
        )
        return f"{self.run_number}-{len(self.building.contents)}", content

    async def send(self, command: str, content: Content) -> None:
        """Applies the command to the model and sends it.

        The broker confirms each command before the next is sent: their order is that of the model.
        """
        alone = is_bulk(content)
        if alone or self.unread_records or self.building.depends_on_timing(command, content):
            await self.until_idle()
        self.sent.append((command, content))
        self.building.apply(command, content)
        await self.publish(command, content)
        if alone:
            # No order is promised between the two queues.
            await self.until_idle()

    async def publish(self, command: str, content: Content) -> None:
        details = content._asdict()
        operation = details.pop("operation")
        expiry = {"expirytime": LONG_AGO} if details.pop("expired") else {}
        await self.harness.platform.send(
            operation, id=command, bulk=is_bulk(content), **details, **expiry
        )

    async def state_all(self, drawn: list[DrawnRecord]) -> None:
        """Applies records to the model and sends them, while no operation is under way."""
        if self.building.under_way:
            await self.until_idle()
        for item in drawn:
            message, said = self.new_record(item)
            self.building.state(message, said)
            await self.publish_record(message, said)

    def new_record(self, drawn: DrawnRecord, *, racing: bool = False) -> tuple[str, Said]:
        """A directory message; `racing`: with the same effect during and after a command."""
        kind, place, newer, choice, status = drawn
        phone_number = f"{self.building.prefix}{place:02d}"
        big, small = f"big-{self.run_number}", f"small-{self.run_number}"
        number = self.building.numbers.get(phone_number)
        device = sorted(DEVICES)[choice % (2 if racing else 3)]
        account = [number and number.account_id, big, small, None][max(0, choice % 6 - 2)]
        blank, held = status in BLANK, status in {"RESERVED", "ACTIVE"}
        account = None if blank and not racing else account
        given = status if not racing and (blank or (held and account)) else None
        state: dict[str, Any]
        name, key, state = {
            "service": ("voice_service", (f"service-{big}",), service_of(big, choice % 7)),
            "member": ("hunt_group_member", ("sales", phone_number), {}),
            "login": ("handset_login", (device, phone_number), {"device_kind": DEVICES[device]}),
            "number": (
                "phone_number",
                (phone_number,),
                {
                    "account_id": account,
                    "site_id": self.building.site_id,
                    "assigned_to": "Grace" if choice % 5 == 1 else None,
                    "label": f"label-{choice}",
                    **({"status": given} if given else {}),
                },
            ),
        }[kind]
        version = max(0, self.said[name, key] + newer)
        self.said[name, key] = max(version, self.said[name, key])
        message = f"{self.run_number}-record-{next(self.messages)}"
        return message, Said(name, key, version, None if choice % 4 == 0 else state)

    async def publish_record(self, message: str, said: Said) -> None:
        self.unread_records = True
        names = KEYS[said.kind]
        fields = {**dict(zip(names, said.key, strict=True)), **(said.state or {})}
        deleted = said.state is None
        await self.harness.platform.state(
            said.kind, said.version, id=message, deleted=deleted, **fields
        )

    async def race(self, drawn: Drawn, drawn_records: list[DrawnRecord], messages: int) -> None:
        """Sends records and a command together: the command is decided before any one of them.

        What is said of a number that is PENDING waits for the end, as if it had come later.
        """
        await self.until_idle()
        command, content = self.new_command(drawn)
        records = [self.new_record(item, racing=True) for item in drawn_records]
        self.sent.append((command, content))
        self.possible = [deepcopy(self.building) for _ in range(len(records) + 1)]
        for place, building in enumerate(self.possible):
            for record in records[:place]:
                building.state(*record)
            building.apply(command, content)
            for record in records[place:]:
                building.state(*record)
        sending = [self.publish_record(*record) for record in records]
        await asyncio.gather(self.publish(command, content), *sending)
        # A conflict is not remembered: a message that is delivered again may be applied then.
        if not any(event in CONFLICTS for item in self.possible for _, event in item.events):
            await self.kill_after(messages)
        await self.until_idle()

    async def kill_after(self, messages: int) -> None:
        """Kills the worker after so many more messages, or when it has published all."""
        await self.harness.start()
        platform = self.harness.platform
        enough = len(platform.events) + len(platform.pbx_messages) + messages
        await platform.until(
            lambda: (
                len(platform.events) + len(platform.pbx_messages) >= enough
                or any(
                    PublishedMessages(platform, building).are_complete(building)
                    for building in self.possible
                )
            )
        )
        await self.harness.kill()

    async def until_idle(self) -> None:
        """Waits until every command is decided and has had its effects, and compares."""
        await self.harness.start()
        # The worker decides these few in the order of arrival: when it has decided the last of each
        # queue, it has decided all.
        content = Content(
            "activate", f"{self.building.prefix}99", "stranger", self.building.site_id
        )
        for bulk in (False, True):
            last = f"{self.run_number}-last-{next(self.messages)}"
            for building in self.possible:
                building.apply(last, content)
            await self.harness.platform.send(
                content.operation, content.phone_number, id=last, bulk=bulk
            )
            await self.harness.platform.outcome(last)
        await self.until_records_are_read()
        await until_idle(self.harness.database)
        await self.harness.platform.until_received()
        self.building = await self.matching()
        self.building.under_way.clear()
        self.possible = [self.building]

    async def until_records_are_read(self) -> None:
        """The worker reads records in the order of arrival, too; one that waits was read."""
        version = next(self.messages)
        await self.harness.platform.state(
            "voice_service", version, service_id=f"last-{self.run_number}", deleted=True
        )
        await until_any(
            self.harness.database,
            "SELECT 1 FROM record_versions"
            f" WHERE record_key = '[\"last-{self.run_number}\"]' AND version = {version}",
        )
        self.unread_records = False

    async def matching(self) -> Building:
        """The possible model that events, PBX messages and database match; fails if none does."""
        differences = []
        for building in self.possible:
            try:
                PublishedMessages(self.harness.platform, building).assert_match(building)
                await assert_database_matches(self.harness.database, building)
            except AssertionError as difference:
                differences.append(difference)
            else:
                return building
        raise ExceptionGroup("no possible order explains the outcome", differences)


async def test_worker_matches_the_model_through_random_commands_and_kills(
    environment: Environment, database: Database, platform: Platform
) -> None:
    harness = Telephony.harness = Harness(environment, database, platform)
    settings = configure(
        max_examples=int(EXAMPLES or 2),
        stateful_step_count=12,
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
