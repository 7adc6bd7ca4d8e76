"""The examples of published messages are what the core decides, to the letter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from activation_contracts import activate, deleted_record, read
from activation_contracts.catalogue import COMMANDS
from activation_contracts.envelope import WORKER_SOURCE
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages import (
    Activate,
    Command,
    Deactivate,
    MessageUnreadable,
    Previewed,
    PublishedMessage,
    Report,
    Snapshot,
    StatusChanged,
)
from activation_contracts.reading import UnreadableError
from activation_contracts.records import PhoneNumberKey
from activation_contracts.values import CallTarget, DeviceKind, NumberStatus, Step, StepResult

from tests.support.data.builders import POLICY
from tests.support.stories.course import Course
from worker.core.batch import Snapshot as BatchSnapshot
from worker.core.batch import decide_all
from worker.core.cause import Cause
from worker.core.decision import Decision
from worker.core.directory.apply import apply_all
from worker.core.directory.change import change_in
from worker.core.directory.held import Directory, HeldNumber
from worker.core.entitlement import change_of
from worker.core.messages.snapshots import Origin, Selection, SnapshotFactory
from worker.core.situation import (
    HandsetLogin,
    Holder,
    MainNumber,
    Number,
    ServiceHolders,
    Usage,
    with_holder,
)

ACME = Holder("acme", "london-1")
ACTIVATED, REFUSED = "+442079460201", "+442079460202"
DEACTIVATED, NOT_ACTIVATED = "+442079460203", "+442079460204"
MAIN_NUMBER = MainNumber(
    "+442079460200",
    NumberStatus.ACTIVE,
    "acme-front-desk",
    frozenset({CallTarget.HUNT_GROUP}),
)
SECOND = timedelta(seconds=1)
PUBLISHED = {name for name, example in EXAMPLES.items() if example.source == WORKER_SOURCE}


def example(name: str) -> Any:
    return EXAMPLES[f"telephony.{name}"]


ACTIVATE: Activate = example("phone_number.activate.v1")
DEACTIVATE: Deactivate = example("phone_number.deactivate.v1")
REPORT: Report = example("phone_number.report.v1")
SNAPSHOT: Snapshot = example("phone_number.snapshot.v1")
UNREADABLE: MessageUnreadable = example("message.unreadable.v1")


def like_adas(phone_number: str, command_id: str, *, preview: bool = False) -> Activate:
    """Another command of Ada's."""
    return activate(
        phone_number,
        account_id="acme",
        site_id="london-1",
        source=ACTIVATE.source,
        requested_by=ACTIVATE.data.requested_by,
        preview=preview,
        id=command_id,
        traceparent=ACTIVATE.traceparent,
    )


def number(phone_number: str, status: NumberStatus, sequence: int = 0) -> Number:
    return Number(
        phone_number=phone_number,
        site_id="london-1",
        account_id="acme",
        extension=phone_number[-4:],
        status=status,
        sequence=sequence,
    )


def at(minute: int, second: int = 1) -> datetime:
    return datetime(2026, 11, 24, 9, minute, second, tzinfo=UTC)


IN_FULL_USE = number(DEACTIVATED, NumberStatus.ACTIVE, sequence=6)._replace(
    label="Meeting room",
    features=("call_forwarding_busy", "voicemail"),
    hunt_groups=("acme-front-desk",),
    logins=(
        HandsetLogin("handset-4711", DeviceKind.DIGITAL),
        HandsetLogin("lobby-phone-1", DeviceKind.ANALOGUE),
    ),
)


def activation(command: Activate, moment: datetime, awaited: Step | None = None) -> Course:
    """An activation of Ada's that the broker confirms a second later."""
    course = Course(
        number(command.data.phone_number, NumberStatus.RESERVED),
        replace(POLICY, awaited_steps=frozenset({awaited} if awaited else ())),
        MAIN_NUMBER,
        Usage(limit=3, active=2),
    )
    course.now = moment
    course.receive(command)
    course.now += SECOND
    course.confirm()
    return course


def joined() -> list[PublishedMessage]:
    """An activation that nothing delays: ACTIVE, and the join of the hunt group."""
    return activation(ACTIVATE, at(0)).messages


def silent_join() -> list[PublishedMessage]:
    """An activation whose join a PBX does not answer."""
    course = activation(ACTIVATE, at(0), awaited=Step.HUNT_GROUP_MEMBERSHIP)
    confirm_requests_until(course, at(1, 2))
    return course.messages


def refused_by_the_pbx() -> list[PublishedMessage]:
    """An activation that a PBX refuses two seconds later."""
    command = like_adas(NOT_ACTIVATED, "6fa459ea-ee8a-4ca4-894e-db77e160355e")
    course = activation(command, at(20), awaited=Step.ACTIVATION)
    course.now += 2 * SECOND
    course.answer(course.open_steps[0].step_id, StepResult.REFUSED, "EXTENSION_IN_USE")
    return course.messages


def deactivation(awaited: Step | None = None) -> Course:
    """Ada's deactivation of a number that is in full use."""
    policy = replace(POLICY, awaited_steps=frozenset({awaited} if awaited else ()))
    course = Course(IN_FULL_USE, policy, MAIN_NUMBER, Usage(limit=3, active=3))
    course.now = at(10)
    course.receive(DEACTIVATE)
    course.now += SECOND
    course.confirm()
    return course


def deactivated() -> list[PublishedMessage]:
    """A deactivation that nothing delays."""
    return deactivation().messages


def silent_reset() -> list[PublishedMessage]:
    """A deactivation whose last step a PBX does not answer."""
    course = deactivation(awaited=Step.EXTENSION_RESET)
    confirm_requests_until(course, at(11, 2))
    return course.messages


def confirm_requests_until(course: Course, moment: datetime) -> None:
    """Lets time pass; the broker confirms at once each message by which the PBX is asked again."""
    while course.now < moment:
        course.confirm()
        course.pass_time(SECOND)


def none_is_left() -> list[PublishedMessage]:
    """A command for which no voice service is free."""
    command = like_adas(REFUSED, "c56a4180-65aa-42ec-a945-5fd21dec0538")
    return list(decided(command, number(REFUSED, NumberStatus.RESERVED), at(5)).messages)


def previewed() -> list[Previewed]:
    """Previews of that command, and of the deactivation."""
    refused = like_adas(REFUSED, "e2b1f3c4-0d5a-4b6e-8f7c-91a2b3c4d5e6", preview=True)
    accepted = example("phone_number.deactivate.v1.preview")
    decisions = (
        decided(refused, number(REFUSED, NumberStatus.RESERVED), at(4)),
        decided(accepted, IN_FULL_USE, at(9)),
    )
    return [decision.preview for decision in decisions if decision.preview]


def decided(command: Command, held: Number, moment: datetime) -> Decision:
    """The decision on a command for this number, while others hold all voice services."""
    holders: ServiceHolders = ()
    for holder in (MAIN_NUMBER.phone_number, ACTIVATED, DEACTIVATED):
        holders = with_holder(holders, number(holder, NumberStatus.ACTIVE))
    snapshot = BatchSnapshot(
        numbers={held.phone_number: held},
        usages={ACME: Usage(limit=3, active=3)},
        service_holders={ACME: holders},
    )
    (decision,) = decide_all(snapshot, [command], moment, POLICY)
    return decision


def taken_away() -> list[PublishedMessage]:
    """A record of the platform that would delete an ACTIVE number."""
    held = number(ACTIVATED, NumberStatus.ACTIVE, sequence=2)
    message = deleted_record(
        PhoneNumberKey(phone_number=ACTIVATED),
        version=13,
        source="/platform",
        id="2c5ea4c0-4067-41e9-8bad-9b1deb4d3b7d",
        traceparent=example("directory.conflict.v1").traceparent,
    )
    directory = Directory(numbers={ACTIVATED: HeldNumber(held)}, usages={ACME: Usage(3, 3)})
    return apply_all(directory, [change_in(message)], at(21, 0)).messages


def shortage() -> list[PublishedMessage]:
    """A service ends while two numbers are in use, and another one is added."""
    found = []
    for name, now, usage in (
        ("exceeded", at(22, 0), Usage(limit=1, active=2)),
        ("restored", at(23, 0), Usage(limit=3, active=2, exceeded=True)),
    ):
        published = example(f"account.entitlement_{name}.v1")
        cause = Cause(
            "/platform",
            str(published.causationid),
            str(published.causationid),
            published.traceparent,
        )
        found.append(change_of(ACME, usage, cause, now))
    return [message for message in found if message is not None]


def reported() -> list[Snapshot]:
    """The answer to the report; storage reads the numbers, the core does the rest."""
    numbers = SNAPSHOT.data.numbers
    factory = SnapshotFactory(
        Origin.of_report(REPORT),
        Selection.of_report(REPORT),
        at(10),
        numbers=len(numbers),
        usage=Usage(limit=3, active=2, pending=1),
    )
    return [factory.page(1, numbers)]


Story = Callable[[], list[PublishedMessage] | list[Previewed] | list[Snapshot]]
STORIES: tuple[tuple[Story, tuple[str, ...]], ...] = (
    (joined, ("phone_number.status_changed.v1.active", "hunt_group.membership.v1.add")),
    (silent_join, ("phone_number.aftermath.v1",)),
    (refused_by_the_pbx, ("phone_number.operation_failed.v1",)),
    (
        deactivated,
        (
            "phone_number.status_changed.v1",
            "hunt_group.membership.v1",
            "handset.logout.v1",
            "extension.reset.v1",
            "phone_number.status_changed.v1.reserved",
            "handset.manual_logout_required.v1",
        ),
    ),
    (silent_reset, ("phone_number.operation_delayed.v1",)),
    (none_is_left, ("phone_number.command_rejected.v1",)),
    (previewed, ("phone_number.previewed.v1", "phone_number.previewed.v1.refused")),
    (taken_away, ("directory.conflict.v1",)),
    (shortage, ("account.entitlement_exceeded.v1", "account.entitlement_restored.v1")),
    (reported, ("phone_number.snapshot.v1",)),
)
"""Each story, and the examples that the worker publishes in it."""


@pytest.mark.parametrize(
    ("story", "name"), [(story, name) for story, names in STORIES for name in names]
)
def test_the_worker_publishes_the_example(story: Story, name: str) -> None:
    expected = example(name)

    assert expected in [message for message in story() if message.type == expected.type]


def test_the_steps_of_a_reported_operation_are_those_of_its_pending_event() -> None:
    (operation,) = (each.operation for each in SNAPSHOT.data.numbers if each.operation)
    pending = deactivated()[0]

    assert isinstance(pending, StatusChanged)
    assert {*operation.awaiting} <= {*(pending.data.awaiting or ())}


def test_the_example_of_an_unreadable_command_names_its_problem() -> None:
    with pytest.raises(UnreadableError) as raised:
        read(ACTIVATE.encode().replace(b"site_id", b"site"), None, COMMANDS)

    assert (raised.value.code, raised.value.detail) == (
        *(UNREADABLE.data.code, UNREADABLE.data.detail),
    )


def test_every_published_example_is_told_in_a_story() -> None:
    told = {f"telephony.{name}" for _, names in STORIES for name in names}

    assert told | {"telephony.message.unreadable.v1"} == PUBLISHED
