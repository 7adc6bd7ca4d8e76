"""Builders of numbers, commands and decisions with defaults: a test names only what it varies."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from activation_contracts.messages import (
    Activate,
    Command,
    CommandData,
    CommandRejected,
    CommandRejectedData,
    Deactivate,
    Entitlement,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.values import (
    CallTarget,
    DeviceKind,
    FailureCode,
    NumberStatus,
    Operation,
    Step,
)

from worker.core.answers import StoredAnswer
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.operations.advance import advance
from worker.core.operations.operation import Failure, PbxStep, Policy, StepState
from worker.core.situation import (
    HandsetLogin,
    Holder,
    MainNumber,
    Number,
    Situation,
    Usage,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
LATER = NOW + timedelta(seconds=3)
POLICY = Policy(at_risk_after=timedelta(minutes=1), time_allowed=timedelta(minutes=5))
AWAITING_ALL = replace(POLICY, awaited_steps=frozenset(Step))

SOURCE = "/tests/web-tier"
ACME_LONDON = Holder("acme", "london")
PHONE_NUMBER = "+442079460001"
MAIN_PHONE_NUMBER = "+442079460000"

DESK = HandsetLogin("desk", DeviceKind.DIGITAL)
LOBBY = HandsetLogin("lobby", DeviceKind.DIGITAL)
FAX = HandsetLogin("fax", DeviceKind.ANALOGUE)
LAPTOP = HandsetLogin("laptop", DeviceKind.SOFTPHONE)

RESERVED = Number(
    phone_number=PHONE_NUMBER,
    site_id="london",
    account_id="acme",
    extension="101",
    status=NumberStatus.RESERVED,
    sequence=7,
)
ACTIVE = RESERVED._replace(status=NumberStatus.ACTIVE)
ACTIVE_IN_FULL_USE = ACTIVE._replace(
    label="Handler desk",
    features=("call_waiting", "voicemail"),
    hunt_groups=("evening", "morning"),
    logins=(DESK, FAX, LAPTOP, LOBBY),
)
RINGING_MAIN_NUMBER = MainNumber(
    MAIN_PHONE_NUMBER, NumberStatus.ACTIVE, "reception", frozenset({CallTarget.HUNT_GROUP})
)
USAGE = Usage(limit=10, active=3, pending=1)
ANSWER = StoredAnswer("answer-1", "telephony.phone_number.status_changed.v1", b'{"id": "answer-1"}')
"""A first answer that the ledger kept."""


class Attributes(TypedDict, total=False):
    """Optional attributes of a command."""

    time: datetime
    correlationid: str
    traceparent: str
    tracestate: str
    expirytime: datetime


def command_data(phone_number: str = PHONE_NUMBER, requested_by: str | None = "Ada") -> CommandData:
    """The payload of a command for a number of acme at london."""
    return CommandData(
        phone_number=phone_number,
        account_id="acme",
        site_id="london",
        requested_by=requested_by,
    )


def activate(
    phone_number: str = PHONE_NUMBER,
    command_id: str = "command-1",
    **attributes: Unpack[Attributes],
) -> Activate:
    """A command that activates the number."""
    data = command_data(phone_number)
    return Activate(id=command_id, source=SOURCE, data=data, **attributes)


def deactivate(
    phone_number: str = PHONE_NUMBER,
    command_id: str = "command-2",
    **attributes: Unpack[Attributes],
) -> Deactivate:
    """A command that deactivates the number."""
    data = command_data(phone_number)
    return Deactivate(id=command_id, source=SOURCE, data=data, **attributes)


def command_to(operation: Operation, phone_number: str = PHONE_NUMBER) -> Command:
    """A command for this operation."""
    return (activate if operation is Operation.ACTIVATE else deactivate)(phone_number)


def previewed(command: Command) -> Command:
    """The same command, to be previewed."""
    data = command.data.model_copy(update={"preview": True})
    return command.model_copy(update={"data": data})


def decide_command(
    number: Number | None, command: Command, usage: Usage = USAGE, policy: Policy = POLICY
) -> Decision:
    """The decision at NOW on a command that did not come before."""
    return decide(Situation(number, usage), command, NOW, policy)


def pending_number(number: Number, command: Command, policy: Policy = POLICY) -> Number:
    """The number after the accepted command: PENDING, with the command's operation."""
    pending = decide_command(number, command, policy=policy).number
    assert pending is not None
    return pending


def complete_number(number: Number, main_number: MainNumber | None = None) -> Decision:
    """The decision at LATER on the number's operation, with no step to await."""
    decision = advance(Situation(number, USAGE, main_number), LATER, POLICY)
    assert decision is not None
    return decision


def advance_number(
    number: Number,
    main_number: MainNumber | None = None,
    *,
    now: datetime = LATER,
    policy: Policy = AWAITING_ALL,
) -> Decision:
    """The decision on the number's operation; fails the test if there is none.

    The relay has offered the messages of all steps to the broker.
    """
    decision = advance(Situation(_offered(number), USAGE, main_number), now, policy)
    assert decision is not None
    return decision


def is_waiting(number: Number, *, now: datetime = LATER) -> bool:
    """Whether there is no decision on the number's operation yet."""
    return advance(Situation(_offered(number), USAGE), now, AWAITING_ALL) is None


def _offered(number: Number) -> Number:
    """The number after the broker refused the unsent messages of all its steps."""
    assert number.ongoing is not None
    steps = tuple(
        step if step.sent_at else step._replace(publish_error="no queue")
        for step in number.ongoing.steps
    )
    return number._replace(ongoing=number.ongoing._replace(steps=steps))


def with_steps(number: Number, **changes: object) -> Number:
    """The number with these changes to all steps of its operation."""
    assert number.ongoing is not None
    steps = tuple(step._replace(**changes) for step in number.ongoing.steps)  # type: ignore[arg-type]
    return number._replace(ongoing=number.ongoing._replace(steps=steps))


def with_steps_done(number: Number) -> Number:
    """The number with all steps of its operation done."""
    return with_steps(number, state=StepState.DONE)


def with_failed_step(number: Number, code: FailureCode) -> Number:
    """The number whose first step failed with this code; the others are open."""
    assert number.ongoing is not None
    first, *others = number.ongoing.steps
    failure = Failure(code, first.step, "It did not work.", "BUSY")
    failed: PbxStep = first._replace(state=StepState.FAILED, failure=failure)
    return number._replace(ongoing=number.ongoing._replace(steps=(failed, *others)))


def status_data(decision: Decision) -> StatusChangedData:
    """The payload of the decision's first message, a change of status."""
    first = decision.messages[0]
    assert isinstance(first, StatusChanged)
    return first.data


def entitlement_of(decision: Decision) -> Entitlement:
    """The entitlement in the decision's first message, a change of status."""
    entitlement = status_data(decision).entitlement
    assert entitlement is not None
    return entitlement


def rejection_data(decision: Decision) -> CommandRejectedData:
    """The payload of the decision's only message, a rejection."""
    (only,) = decision.messages
    assert isinstance(only, CommandRejected)
    return only.data
