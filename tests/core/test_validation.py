"""The refusals: each one, their order, and what they disclose."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import combinations

import pytest
from activation_contracts.messages import Command, Entitlement
from activation_contracts.refusals import REFUSALS, RefusalCode
from activation_contracts.values import NumberStatus, Operation

from tests.support.data.builders import (
    ACTIVE,
    ANSWER,
    NOW,
    PHONE_NUMBER,
    POLICY,
    RESERVED,
    USAGE,
    activate,
    command_to,
    deactivate,
    decide_command,
    rejection_data,
)
from worker.core.answers import Answer
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
    """A command and the situation in which it is decided."""

    command: Command
    number: Number | None
    usage: Usage = USAGE
    earlier: Mapping[str, Answer] = field(default_factory=dict)

    def decision(self) -> Decision:
        situation = Situation(self.number, self.usage, earlier_answers=self.earlier)
        return decide(situation, self.command, NOW, POLICY)


def accepted(operation: Operation) -> Case:
    number = RESERVED if operation is Operation.ACTIVATE else ACTIVE
    return Case(command_to(operation), number)


def on_the_number(change: Callable[[Number], Number]) -> Callable[[Case], Case]:
    return lambda case: replace(case, number=case.number and change(case.number))


def expired(case: Case) -> Case:
    expiry = NOW - timedelta(microseconds=1)
    return replace(case, command=case.command.model_copy(update={"expirytime": expiry}))


FAULTS: dict[RefusalCode, Callable[[Case], Case]] = {
    RefusalCode.COMMAND_ID_REUSED: lambda case: replace(case, earlier={"other": ANSWER}),
    RefusalCode.COMMAND_EXPIRED: expired,
    RefusalCode.NUMBER_UNKNOWN: lambda case: replace(case, number=None),
    RefusalCode.SITE_MISMATCH: on_the_number(lambda it: it._replace(site_id="paris")),
    RefusalCode.NUMBER_NOT_ALLOCATED: on_the_number(lambda it: it._replace(account_id=None)),
    RefusalCode.ACCOUNT_MISMATCH: on_the_number(lambda it: it._replace(account_id="bolt")),
    RefusalCode.NUMBER_NOT_RESERVED: on_the_number(
        lambda it: it._replace(status=NumberStatus.COOLDOWN)
    ),
    RefusalCode.NUMBER_NOT_ACTIVE: on_the_number(
        lambda it: it._replace(status=NumberStatus.RESERVED)
    ),
    RefusalCode.NUMBER_ASSIGNED: on_the_number(lambda it: it._replace(assigned_to="Grace")),
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
DISCLOSES_STATUS = {
    RefusalCode.NUMBER_NOT_RESERVED,
    RefusalCode.NUMBER_NOT_ACTIVE,
    RefusalCode.NUMBER_ASSIGNED,
    RefusalCode.ENTITLEMENT_EXHAUSTED,
}


def operations_of(*codes: RefusalCode) -> list[Operation]:
    """The operations to which all of these refusals can apply."""
    return [
        operation
        for operation in Operation
        if all(ONLY_OF.get(code, operation) is operation for code in codes)
    ]


def can_apply_together(one: RefusalCode, other: RefusalCode) -> bool:
    unknown = one is RefusalCode.NUMBER_UNKNOWN and other in FACTS_OF_A_NUMBER
    holders = {one, other} == {RefusalCode.NUMBER_NOT_ALLOCATED, RefusalCode.ACCOUNT_MISMATCH}
    return not unknown and not holders


ALONE = [(code, operation) for code in RefusalCode for operation in operations_of(code)]
PAIRS = [
    (earlier.code, later.code, operation)
    for earlier, later in combinations(REFUSALS, 2)
    if can_apply_together(earlier.code, later.code)
    for operation in operations_of(earlier.code, later.code)
]


def test_the_refusal_table_has_the_order_of_the_domain() -> None:
    assert [refusal.code.value for refusal in REFUSALS] == CODES_IN_ORDER


@pytest.mark.parametrize(("code", "operation"), ALONE)
def test_each_refusal_alone_is_given_and_changes_nothing(
    code: RefusalCode, operation: Operation
) -> None:
    decision = FAULTS[code](accepted(operation)).decision()

    assert decision.outcome is Outcome.REJECTED
    assert decision.refusal is code
    assert decision.number is None
    assert rejection_data(decision).code is code
    assert rejection_data(decision).message == decision.detail


@pytest.mark.parametrize(("earlier", "later", "operation"), PAIRS)
def test_of_two_applicable_refusals_the_earlier_is_given(
    earlier: RefusalCode, later: RefusalCode, operation: Operation
) -> None:
    case = FAULTS[earlier](FAULTS[later](accepted(operation)))

    assert case.decision().refusal is earlier


@pytest.mark.parametrize(("code", "operation"), ALONE)
def test_a_rejection_discloses_the_status_only_to_the_holder(
    code: RefusalCode, operation: Operation
) -> None:
    case = FAULTS[code](accepted(operation))
    rejected = rejection_data(case.decision())

    assert case.number is None or case.number.status in (
        {rejected.status} if code in DISCLOSES_STATUS else NumberStatus
    )
    assert (rejected.status is not None) is (code in DISCLOSES_STATUS)
    assert (rejected.entitlement is not None) is (code is RefusalCode.ENTITLEMENT_EXHAUSTED)


def test_a_rejection_never_names_the_holder_to_another_account() -> None:
    decision = decide_command(ACTIVE._replace(account_id="bolt", assigned_to="Grace"), activate())

    assert decision.refusal is RefusalCode.ACCOUNT_MISMATCH
    body = decision.messages[0].encode().decode()
    assert "bolt" not in body
    assert "Grace" not in body
    assert "ACTIVE" not in body


@pytest.mark.parametrize(
    ("number", "command", "detail"),
    [
        (ACTIVE, activate(), "It is ACTIVE: nothing is left to do."),
        (RESERVED, deactivate(), "It is RESERVED: nothing is left to do."),
        (
            RESERVED._replace(status=NumberStatus.COOLDOWN),
            activate(),
            "It is COOLDOWN: choose another number.",
        ),
        (
            ACTIVE._replace(assigned_to="Ada"),
            deactivate(),
            "It is ACTIVE: unassign it first.",
        ),
    ],
)
def test_a_refusal_by_status_says_what_to_do(number: Number, command: Command, detail: str) -> None:
    decision = decide_command(number, command)

    assert decision.detail is not None
    assert decision.detail.endswith(detail)


def test_an_exhausted_entitlement_carries_its_arithmetic() -> None:
    decision = decide_command(RESERVED, activate(), Usage(limit=3, active=2, pending=1))

    rejected = rejection_data(decision)
    assert rejected.entitlement == Entitlement(limit=3, active=2, pending=1)
    assert rejected.message == (
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
def test_an_activation_needs_headroom_of_at_least_one(usage: Usage, outcome: Outcome) -> None:
    assert decide_command(RESERVED, activate(), usage).outcome is outcome


def test_a_deactivation_needs_no_headroom() -> None:
    assert decide_command(ACTIVE, deactivate(), Usage(limit=0, active=1)).outcome is Outcome.PENDING


def test_an_assigned_number_can_be_activated() -> None:
    assert (
        decide_command(RESERVED._replace(assigned_to="Grace"), activate()).outcome
        is Outcome.PENDING
    )


@pytest.mark.parametrize("late_by_seconds", [-1, 0, 1])
def test_a_command_expires_only_after_its_expiry_time(late_by_seconds: int) -> None:
    expiry = NOW - timedelta(seconds=late_by_seconds)
    decision = decide_command(RESERVED, activate(expirytime=expiry))

    assert (decision.refusal == "COMMAND_EXPIRED") is (late_by_seconds > 0)


def test_the_rejection_of_an_expired_command_carries_both_times() -> None:
    rejected = rejection_data(
        decide_command(RESERVED, activate(expirytime=NOW - timedelta(minutes=1)))
    )

    assert "expired at 2026-11-24T08:59:00+00:00" in rejected.message
    assert "read at 2026-11-24T09:00:00+00:00" in rejected.message


def test_a_rejection_carries_command_correlation_and_trace() -> None:
    command = activate(correlationid="story", traceparent="00-a-b-01", tracestate="x=1")
    (message,) = decide_command(None, command).messages

    assert message.subject == PHONE_NUMBER
    assert message.time == NOW
    assert (message.correlationid, message.causationid) == ("story", "command-1")
    assert (message.traceparent, message.tracestate) == ("00-a-b-01", "x=1")
    assert message.partitionkey == "acme/london"
    rejected = rejection_data(decide_command(None, command))
    assert (rejected.command_id, rejected.operation) == ("command-1", Operation.ACTIVATE)
    assert (rejected.phone_number, rejected.account_id, rejected.site_id) == (
        PHONE_NUMBER,
        "acme",
        "london",
    )


def test_a_command_without_correlation_id_is_its_own_correlation() -> None:
    (message,) = decide_command(None, deactivate()).messages

    assert message.correlationid == "command-2"


@pytest.mark.parametrize("operation", list(Operation))
@pytest.mark.parametrize("code", [None, *RefusalCode])
def test_a_repeated_command_gets_its_first_answer_even_if_a_refusal_applies(
    operation: Operation, code: RefusalCode | None
) -> None:
    case = accepted(operation)
    if code is not None:
        case = FAULTS[code](case)
    again = replace(case, earlier={**case.earlier, case.command.fingerprint: ANSWER})

    assert again.decision() == Decision(Outcome.DUPLICATE, first_answer=ANSWER)
