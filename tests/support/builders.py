"""Numbers, commands and decisions for tests of the core: a test names only what matters to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypedDict, Unpack

from contracts.messages import (
    Activate,
    Command,
    CommandData,
    CommandRejected,
    CommandRejectedData,
    Deactivate,
    StatusChanged,
    StatusChangedData,
)
from contracts.values import CallTarget, DeviceKind, FailureCode, NumberStatus, Operation, Step
from worker.core.advance import advance
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.operation import Failure, PbxStep, Policy, StepState
from worker.core.situation import (
    AccountAtSite,
    HandsetLogin,
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
ACME_LONDON = AccountAtSite("acme", "london")
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


class Attributes(TypedDict, total=False):
    """The attributes of a command that tests vary."""

    time: datetime
    correlationid: str
    traceparent: str
    tracestate: str
    expirytime: datetime


def command_data(phone_number: str = PHONE_NUMBER, requested_by: str | None = "Ada") -> CommandData:
    """Ada asks for a number of acme at london."""
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
    """A command to activate."""
    data = command_data(phone_number)
    return Activate(id=command_id, source=SOURCE, data=data, **attributes)


def deactivate(
    phone_number: str = PHONE_NUMBER,
    command_id: str = "command-2",
    **attributes: Unpack[Attributes],
) -> Deactivate:
    """A command to deactivate."""
    data = command_data(phone_number)
    return Deactivate(id=command_id, source=SOURCE, data=data, **attributes)


def command_to(operation: Operation, phone_number: str = PHONE_NUMBER) -> Command:
    """A command for this operation."""
    return (activate if operation is Operation.ACTIVATE else deactivate)(phone_number)


def decided(
    number: Number | None, command: Command, usage: Usage = USAGE, policy: Policy = POLICY
) -> Decision:
    """What is decided now, on a command that never came before."""
    return decide(Situation(number, usage), command, NOW, policy)


def begun(number: Number, command: Command, policy: Policy = POLICY) -> Number:
    """The number with the command's operation under way."""
    pending = decided(number, command, policy=policy).number
    assert pending is not None
    return pending


def completed(number: Number, main_number: MainNumber | None = None) -> Decision:
    """What is decided when the number's operation waits for nothing any more."""
    decision = advance(Situation(number, USAGE, main_number), LATER, POLICY)
    assert decision is not None
    return decision


def followed(
    number: Number,
    main_number: MainNumber | None = None,
    *,
    now: datetime = LATER,
    policy: Policy = AWAITING_ALL,
) -> Decision:
    """What follows of the number's operation at this moment: something."""
    decision = advance(Situation(number, USAGE, main_number), now, policy)
    assert decision is not None
    return decision


def nothing_follows(number: Number, *, now: datetime = LATER) -> bool:
    """Whether there is nothing to do for the number's operation but to wait."""
    return advance(Situation(number, USAGE), now, AWAITING_ALL) is None


def steps_changed(number: Number, **changes: object) -> Number:
    """The number with all steps of its operation changed like this."""
    assert number.ongoing is not None
    steps = tuple(step._replace(**changes) for step in number.ongoing.steps)  # type: ignore[arg-type]
    return number._replace(ongoing=number.ongoing._replace(steps=steps))


def steps_done(number: Number) -> Number:
    """The number with nothing left to wait for."""
    return steps_changed(number, state=StepState.DONE)


def step_failed(number: Number, code: FailureCode) -> Number:
    """The number whose first step has failed so; the others are open."""
    assert number.ongoing is not None
    first, *others = number.ongoing.steps
    failure = Failure(code, first.step, "It did not work.", "BUSY")
    failed: PbxStep = first._replace(state=StepState.FAILED, failure=failure)
    return number._replace(ongoing=number.ongoing._replace(steps=(failed, *others)))


def status_said(decision: Decision) -> StatusChangedData:
    """The new status, which the decision says first."""
    first = decision.messages[0]
    assert isinstance(first, StatusChanged)
    return first.data


def refusal_said(decision: Decision) -> CommandRejectedData:
    """The refusal, which is all that the decision says."""
    (only,) = decision.messages
    assert isinstance(only, CommandRejected)
    return only.data
