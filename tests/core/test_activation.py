"""Activation: RESERVED to PENDING to ACTIVE, and the hunt-group join."""

from itertools import product

import pytest
from activation_contracts.messages import (
    Entitlement,
    HuntGroupMembership,
    HuntGroupMembershipData,
    PublishedMessage,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.values import AtDeadline, CallTarget, ChangedBy, NumberStatus, Operation

from tests.support.data.builders import (
    LATER,
    MAIN_PHONE_NUMBER,
    NOW,
    PHONE_NUMBER,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    SOURCE,
    USAGE,
    activate,
    command_to,
    complete_number,
    decide_command,
    entitlement_of,
    pending_number,
    status_data,
)
from worker.core.decision import Decision, Outcome
from worker.core.operations.advance import advance
from worker.core.operations.operation import OngoingOperation
from worker.core.situation import Number, Situation


@pytest.mark.parametrize(
    ("status", "account_id", "activation", "deactivation"),
    [
        ("AVAILABLE", None, "NUMBER_NOT_ALLOCATED", "NUMBER_NOT_ALLOCATED"),
        ("RESERVED", "acme", None, "NUMBER_NOT_ACTIVE"),
        ("PENDING", "acme", "NUMBER_NOT_RESERVED", "NUMBER_NOT_ACTIVE"),
        ("ACTIVE", "acme", "NUMBER_NOT_RESERVED", None),
        ("COOLDOWN", "acme", "NUMBER_NOT_RESERVED", "NUMBER_NOT_ACTIVE"),
        ("COOLDOWN", None, "NUMBER_NOT_ALLOCATED", "NUMBER_NOT_ALLOCATED"),
    ],
)
def test_each_status_accepts_only_the_commands_of_the_state_table(
    status: str, account_id: str | None, activation: str | None, deactivation: str | None
) -> None:
    number = RESERVED._replace(status=NumberStatus(status), account_id=account_id)

    for operation, refusal in zip(Operation, (activation, deactivation), strict=True):
        decision = decide_command(number, command_to(operation))
        assert decision.refusal == refusal
        assert (decision.outcome is Outcome.PENDING) is (refusal is None)


def test_a_pending_number_holds_its_operation() -> None:
    command = activate(correlationid="story", traceparent="00-a-b-01", tracestate="x=1")

    number = pending_number(RESERVED, command)

    assert number == RESERVED._replace(
        status=NumberStatus.PENDING,
        sequence=8,
        ongoing=OngoingOperation(
            operation=Operation.ACTIVATE,
            command_source=SOURCE,
            command_id="command-1",
            command_fingerprint=command.fingerprint,
            correlation_id="story",
            requested_by="Ada",
            traceparent="00-a-b-01",
            tracestate="x=1",
            since=NOW,
            at_risk_at=NOW + POLICY.at_risk_after,
            deadline=NOW + POLICY.time_allowed,
        ),
    )


def test_pending_event_carries_start_deadline_and_no_awaited_step() -> None:
    decision = decide_command(RESERVED, activate())

    assert len(decision.messages) == 1
    assert status_data(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.PENDING,
        previous_status=NumberStatus.RESERVED,
        operation=ChangedBy.ACTIVATE,
        command_id="command-1",
        requested_by="Ada",
        sequence=8,
        entitlement=Entitlement(limit=10, active=3, pending=2),
        since=NOW,
        deadline=NOW + POLICY.time_allowed,
        awaiting=(),
        at_deadline=AtDeadline.BACK_TO_RESERVED,
    )


def test_active_event_carries_requester_and_entitlement() -> None:
    decision = complete_number(pending_number(RESERVED, activate()))

    assert decision.outcome is Outcome.COMPLETED
    assert decision.number == RESERVED._replace(status=NumberStatus.ACTIVE, sequence=9)
    assert len(decision.messages) == 1
    assert status_data(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.ACTIVE,
        previous_status=NumberStatus.PENDING,
        operation=ChangedBy.ACTIVATE,
        command_id="command-1",
        requested_by="Ada",
        sequence=9,
        entitlement=Entitlement(limit=10, active=4, pending=0),
    )


def test_every_message_of_an_activation_carries_correlation_and_trace_of_its_command() -> None:
    command = activate(correlationid="story", traceparent="00-a-b-01", tracestate="x=1")
    pending = decide_command(RESERVED, command)
    ended = complete_number(pending_number(RESERVED, command), RINGING_MAIN_NUMBER)

    assert [message.time for message in pending.messages] == [NOW]
    assert [message.time for message in ended.messages] == [LATER, LATER]
    messages: tuple[PublishedMessage, ...] = (*pending.messages, *ended.messages)
    for message in messages:
        assert message.subject == PHONE_NUMBER
        assert (message.correlationid, message.causationid) == ("story", "command-1")
        assert (message.traceparent, message.tracestate) == ("00-a-b-01", "x=1")
        assert message.partitionkey == "acme/london"


def joined_groups(decision: Decision) -> list[str]:
    return [
        message.data.hunt_group_id
        for message in decision.messages
        if isinstance(message, HuntGroupMembership) and message.data.action == "add"
    ]


def test_activation_publishes_the_hunt_group_join_after_active() -> None:
    decision = complete_number(pending_number(RESERVED, activate()), RINGING_MAIN_NUMBER)

    active, membership = decision.messages
    assert isinstance(active, StatusChanged)
    assert isinstance(membership, HuntGroupMembership)
    assert membership.data == HuntGroupMembershipData(
        phone_number=PHONE_NUMBER,
        extension="101",
        account_id="acme",
        site_id="london",
        command_id="command-1",
        sequence=9,
        hunt_group_id="reception",
        action="add",
    )
    assert decision.number is not None
    assert decision.number.hunt_groups == ("reception",)


@pytest.mark.parametrize("slots", list(product(CallTarget, repeat=3)))
def test_a_new_number_joins_if_any_slot_targets_the_hunt_group(
    slots: tuple[CallTarget, CallTarget, CallTarget],
) -> None:
    main_number = RINGING_MAIN_NUMBER._replace(targets=frozenset(slots))

    decision = complete_number(pending_number(RESERVED, activate()), main_number)

    joins = CallTarget.HUNT_GROUP in slots
    assert joined_groups(decision) == (["reception"] if joins else [])


@pytest.mark.parametrize("status", list(NumberStatus))
def test_a_new_number_joins_only_if_the_main_number_is_active(status: NumberStatus) -> None:
    main_number = RINGING_MAIN_NUMBER._replace(status=status)

    decision = complete_number(pending_number(RESERVED, activate()), main_number)

    assert joined_groups(decision) == (["reception"] if status == "ACTIVE" else [])


def test_a_new_number_joins_nothing_if_the_main_number_has_no_hunt_group() -> None:
    main_number = RINGING_MAIN_NUMBER._replace(hunt_group_id=None)

    assert joined_groups(complete_number(pending_number(RESERVED, activate()), main_number)) == []


def test_a_main_number_never_joins_its_own_hunt_group() -> None:
    number = RESERVED._replace(phone_number=MAIN_PHONE_NUMBER, main_number=True)

    decision = complete_number(
        pending_number(number, activate(MAIN_PHONE_NUMBER)), RINGING_MAIN_NUMBER
    )

    assert joined_groups(decision) == []
    assert status_data(decision).status is NumberStatus.ACTIVE


def test_a_main_number_consumes_a_voice_service() -> None:
    decision = decide_command(RESERVED._replace(main_number=True), activate())

    assert entitlement_of(decision).pending == USAGE.pending + 1


@pytest.mark.parametrize("groups", [("evening",), ("evening", "reception")])
def test_activation_keeps_earlier_memberships(groups: tuple[str, ...]) -> None:
    number = pending_number(RESERVED._replace(hunt_groups=groups), activate())

    decision = complete_number(number, RINGING_MAIN_NUMBER)

    assert joined_groups(decision) == ["reception"]
    assert decision.number is not None
    assert decision.number.hunt_groups == ("evening", "reception")


@pytest.mark.parametrize(
    "number", [None, RESERVED, pending_number(RESERVED, activate())._replace(account_id=None)]
)
def test_advance_returns_none_for_a_number_without_an_operation(number: Number | None) -> None:
    assert advance(Situation(number, USAGE), LATER, POLICY) is None
