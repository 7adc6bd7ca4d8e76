"""The refusals: each of them, their order, and what they tell to whom."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import combinations

import pytest

from contracts.messages import Command, Entitlement
from contracts.refusals import REFUSALS, RefusalCode
from contracts.values import NumberStatus, Operation
from tests.support.builders import (
    ACTIVE,
    NOW,
    PHONE_NUMBER,
    POLICY,
    RESERVED,
    USAGE,
    activate,
    command_to,
    deactivate,
    decided,
    refusal_said,
)
from worker.core.decide import decide
from worker.core.decision import Decision, Outcome
from worker.core.situation import Number, Situation, Usage

CODES_IN_ORDER = [
    "COMMAND_ID_REUSED",
    "COMMAND_EXPIRED",
    "NUMBER_UNKNOWN",
    "SITE_MISMATCH",
    "NUMBER_NOT_ALLOCATED",
    "ACCOUNT_MISMATCH",
    "NUMBER_NOT_RESERVED",
    "NUMBER_NOT_ACTIVE",
    "NUMBER_ASSIGNED",
    "ENTITLEMENT_EXHAUSTED",
]


@dataclass(frozen=True)
class Case:
    """A command and what it meets."""

    command: Command
    number: Number | None
    usage: Usage = USAGE
    earlier: frozenset[str] = frozenset()

    def decision(self) -> Decision:
        situation = Situation(self.number, self.usage, earlier_contents=self.earlier)
        return decide(situation, self.command, NOW, POLICY)


def accepted(operation: Operation) -> Case:
    number = RESERVED if operation is Operation.ACTIVATE else ACTIVE
    return Case(command_to(operation), number)


def about_the_number(change: Callable[[Number], Number]) -> Callable[[Case], Case]:
    return lambda case: replace(case, number=case.number and change(case.number))


def expired(case: Case) -> Case:
    expiry = NOW - timedelta(microseconds=1)
    return replace(case, command=case.command.model_copy(update={"expirytime": expiry}))


FAULTS: dict[RefusalCode, Callable[[Case], Case]] = {
    RefusalCode.COMMAND_ID_REUSED: lambda case: replace(case, earlier=frozenset({"other"})),
    RefusalCode.COMMAND_EXPIRED: expired,
    RefusalCode.NUMBER_UNKNOWN: lambda case: replace(case, number=None),
    RefusalCode.SITE_MISMATCH: about_the_number(lambda it: it._replace(site_id="paris")),
    RefusalCode.NUMBER_NOT_ALLOCATED: about_the_number(lambda it: it._replace(account_id=None)),
    RefusalCode.ACCOUNT_MISMATCH: about_the_number(lambda it: it._replace(account_id="bolt")),
    RefusalCode.NUMBER_NOT_RESERVED: about_the_number(
        lambda it: it._replace(status=NumberStatus.COOLDOWN)
    ),
    RefusalCode.NUMBER_NOT_ACTIVE: about_the_number(
        lambda it: it._replace(status=NumberStatus.RESERVED)
    ),
    RefusalCode.NUMBER_ASSIGNED: about_the_number(lambda it: it._replace(assigned_to="Grace")),
    RefusalCode.ENTITLEMENT_EXHAUSTED: lambda case: replace(case, usage=Usage(3, 2, 1)),
}
ONLY_OF: dict[RefusalCode, Operation] = {
    RefusalCode.NUMBER_NOT_RESERVED: Operation.ACTIVATE,
    RefusalCode.NUMBER_NOT_ACTIVE: Operation.DEACTIVATE,
    RefusalCode.NUMBER_ASSIGNED: Operation.DEACTIVATE,
    RefusalCode.ENTITLEMENT_EXHAUSTED: Operation.ACTIVATE,
}
FACTS_OF_A_NUMBER = set(RefusalCode) - {
    RefusalCode.COMMAND_ID_REUSED,
    RefusalCode.COMMAND_EXPIRED,
    RefusalCode.NUMBER_UNKNOWN,
    RefusalCode.ENTITLEMENT_EXHAUSTED,
}
TELLS_STATUS = {
    RefusalCode.NUMBER_NOT_RESERVED,
    RefusalCode.NUMBER_NOT_ACTIVE,
    RefusalCode.NUMBER_ASSIGNED,
    RefusalCode.ENTITLEMENT_EXHAUSTED,
}


def operations_of(*codes: RefusalCode) -> list[Operation]:
    """The operations that can meet all of these reasons."""
    return [
        operation
        for operation in Operation
        if all(ONLY_OF.get(code, operation) is operation for code in codes)
    ]


def can_hold_together(one: RefusalCode, other: RefusalCode) -> bool:
    unknown = one is RefusalCode.NUMBER_UNKNOWN and other in FACTS_OF_A_NUMBER
    holders = {one, other} == {RefusalCode.NUMBER_NOT_ALLOCATED, RefusalCode.ACCOUNT_MISMATCH}
    return not unknown and not holders


ALONE = [(code, operation) for code in RefusalCode for operation in operations_of(code)]
PAIRS = [
    (earlier.code, later.code, operation)
    for earlier, later in combinations(REFUSALS, 2)
    if can_hold_together(earlier.code, later.code)
    for operation in operations_of(earlier.code, later.code)
]


def test_the_table_of_refusals_is_the_domains_in_its_order() -> None:
    assert [refusal.code.value for refusal in REFUSALS] == CODES_IN_ORDER


@pytest.mark.parametrize(("code", "operation"), ALONE)
def test_each_reason_alone_is_given_and_changes_nothing(
    code: RefusalCode, operation: Operation
) -> None:
    decision = FAULTS[code](accepted(operation)).decision()

    assert decision.outcome is Outcome.REJECTED
    assert decision.refusal is code
    assert decision.number is None
    assert refusal_said(decision).code is code
    assert refusal_said(decision).message == decision.detail


@pytest.mark.parametrize(("earlier", "later", "operation"), PAIRS)
def test_where_two_reasons_hold_the_earlier_one_is_given(
    earlier: RefusalCode, later: RefusalCode, operation: Operation
) -> None:
    case = FAULTS[earlier](FAULTS[later](accepted(operation)))

    assert case.decision().refusal is earlier


@pytest.mark.parametrize(("code", "operation"), ALONE)
def test_only_the_account_that_holds_a_number_learns_its_state(
    code: RefusalCode, operation: Operation
) -> None:
    case = FAULTS[code](accepted(operation))
    said = refusal_said(case.decision())

    assert case.number is None or case.number.status in (
        {said.status} if code in TELLS_STATUS else NumberStatus
    )
    assert (said.status is not None) is (code in TELLS_STATUS)
    assert (said.entitlement is not None) is (code is RefusalCode.ENTITLEMENT_EXHAUSTED)


def test_the_account_that_holds_a_number_is_never_named_to_another() -> None:
    decision = decided(ACTIVE._replace(account_id="bolt", assigned_to="Grace"), activate())

    assert decision.refusal is RefusalCode.ACCOUNT_MISMATCH
    body = decision.messages[0].encode().decode()
    assert "bolt" not in body
    assert "Grace" not in body
    assert "ACTIVE" not in body


def test_an_exhausted_entitlement_shows_its_arithmetic() -> None:
    decision = decided(RESERVED, activate(), Usage(limit=3, active=2, pending=1))

    said = refusal_said(decision)
    assert said.entitlement == Entitlement(limit=3, active=2, pending=1)
    assert said.message == (
        "No voice service is free. Limit 3, active 2, pending 1: 2 + 1 + 1 is more than 3."
    )


@pytest.mark.parametrize(
    ("usage", "outcome"),
    [
        (Usage(limit=0), Outcome.REJECTED),
        (Usage(limit=1), Outcome.PENDING),
        (Usage(limit=1, active=1), Outcome.REJECTED),
        (Usage(limit=1, pending=1), Outcome.REJECTED),
        (Usage(limit=3, active=1, pending=1), Outcome.PENDING),
        (Usage(limit=1, active=5), Outcome.REJECTED),
    ],
)
def test_an_activation_needs_one_service_that_no_active_or_pending_number_takes(
    usage: Usage, outcome: Outcome
) -> None:
    assert decided(RESERVED, activate(), usage).outcome is outcome


def test_a_deactivation_asks_for_no_service() -> None:
    assert decided(ACTIVE, deactivate(), Usage(limit=0, active=1)).outcome is Outcome.PENDING


def test_only_a_deactivation_asks_whether_a_person_has_the_number() -> None:
    assert decided(RESERVED._replace(assigned_to="Grace"), activate()).outcome is Outcome.PENDING


@pytest.mark.parametrize("late_by_seconds", [-1, 0, 1])
def test_a_command_expires_only_after_its_expiry_time(late_by_seconds: int) -> None:
    expiry = NOW - timedelta(seconds=late_by_seconds)
    decision = decided(RESERVED, activate(expirytime=expiry))

    assert (decision.refusal == "COMMAND_EXPIRED") is (late_by_seconds > 0)


def test_an_expired_command_says_when_it_expired_and_when_it_was_read() -> None:
    said = refusal_said(decided(RESERVED, activate(expirytime=NOW - timedelta(minutes=1))))

    assert "expired at 2026-11-24T08:59:00+00:00" in said.message
    assert "read at 2026-11-24T09:00:00+00:00" in said.message


def test_a_refusal_names_the_command_and_goes_on_with_its_story() -> None:
    command = activate(correlationid="story", traceparent="00-a-b-01", tracestate="x=1")
    (message,) = decided(None, command).messages

    assert message.subject == PHONE_NUMBER
    assert message.time == NOW
    assert (message.correlationid, message.causationid) == ("story", "command-1")
    assert (message.traceparent, message.tracestate) == ("00-a-b-01", "x=1")
    assert message.partitionkey == "acme/london"
    said = refusal_said(decided(None, command))
    assert (said.command_id, said.operation) == ("command-1", Operation.ACTIVATE)
    assert (said.phone_number, said.account_id, said.site_id) == (PHONE_NUMBER, "acme", "london")


def test_a_command_without_a_story_begins_one_with_its_own_id() -> None:
    (message,) = decided(None, deactivate()).messages

    assert message.correlationid == "command-2"


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("code", [None, *RefusalCode])
def test_the_same_command_again_is_passed_over_whatever_else_holds(
    operation: Operation, code: RefusalCode | None
) -> None:
    case = accepted(operation)
    if code is not None:
        case = FAULTS[code](case)
    again = replace(case, earlier=case.earlier | {case.command.fingerprint})

    assert again.decision() == Decision(Outcome.DUPLICATE)
