"""Activation: from RESERVED by PENDING to ACTIVE, and into the hunt group."""

from itertools import product

import pytest

from contracts.messages import (
    Entitlement,
    HuntGroupMembership,
    HuntGroupMembershipData,
    PublishedMessage,
    StatusChanged,
    StatusChangedData,
)
from contracts.values import AtDeadline, CallTarget, NumberStatus, Operation
from tests.support.builders import (
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
    begun,
    command_to,
    completed,
    decided,
    status_said,
)
from worker.core.advance import advance
from worker.core.decision import Decision, Outcome
from worker.core.operation import OngoingOperation
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
def test_each_status_takes_the_commands_that_the_domain_allows(
    status: str, account_id: str | None, activation: str | None, deactivation: str | None
) -> None:
    number = RESERVED._replace(status=NumberStatus(status), account_id=account_id)

    for operation, refusal in zip(Operation, (activation, deactivation), strict=True):
        decision = decided(number, command_to(operation))
        assert decision.refusal == refusal
        assert (decision.outcome is Outcome.PENDING) is (refusal is None)


def test_a_pending_number_keeps_the_operation_that_is_under_way() -> None:
    command = activate(correlationid="story", traceparent="00-a-b-01", tracestate="x=1")

    number = begun(RESERVED, command)

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


def test_pending_says_since_when_until_when_and_that_it_waits_for_nothing() -> None:
    decision = decided(RESERVED, activate())

    assert len(decision.messages) == 1
    assert status_said(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.PENDING,
        previous_status=NumberStatus.RESERVED,
        operation=Operation.ACTIVATE,
        command_id="command-1",
        requested_by="Ada",
        sequence=8,
        entitlement=Entitlement(limit=10, active=3, pending=2),
        since=NOW,
        deadline=NOW + POLICY.time_allowed,
        awaiting=(),
        at_deadline=AtDeadline.BACK_TO_RESERVED,
    )


def test_active_says_who_asked_and_what_is_left_of_the_entitlement() -> None:
    decision = completed(begun(RESERVED, activate()))

    assert decision.outcome is Outcome.COMPLETED
    assert decision.number == RESERVED._replace(status=NumberStatus.ACTIVE, sequence=9)
    assert len(decision.messages) == 1
    assert status_said(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.ACTIVE,
        previous_status=NumberStatus.PENDING,
        operation=Operation.ACTIVATE,
        command_id="command-1",
        requested_by="Ada",
        sequence=9,
        entitlement=Entitlement(limit=10, active=4, pending=0),
    )


def test_every_message_of_an_activation_goes_on_with_the_commands_story() -> None:
    command = activate(correlationid="story", traceparent="00-a-b-01", tracestate="x=1")
    pending = decided(RESERVED, command)
    ended = completed(begun(RESERVED, command), RINGING_MAIN_NUMBER)

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


def test_after_active_the_pbx_hears_of_the_new_member() -> None:
    decision = completed(begun(RESERVED, activate()), RINGING_MAIN_NUMBER)

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
def test_a_new_number_joins_if_any_slot_rings_the_hunt_group(
    slots: tuple[CallTarget, CallTarget, CallTarget],
) -> None:
    main_number = RINGING_MAIN_NUMBER._replace(targets=frozenset(slots))

    decision = completed(begun(RESERVED, activate()), main_number)

    joins = CallTarget.HUNT_GROUP in slots
    assert joined_groups(decision) == (["reception"] if joins else [])


@pytest.mark.parametrize("status", list(NumberStatus))
def test_a_new_number_joins_only_while_the_main_number_is_active(status: NumberStatus) -> None:
    main_number = RINGING_MAIN_NUMBER._replace(status=status)

    decision = completed(begun(RESERVED, activate()), main_number)

    assert joined_groups(decision) == (["reception"] if status == "ACTIVE" else [])


def test_a_main_number_without_a_hunt_group_has_nothing_to_join() -> None:
    main_number = RINGING_MAIN_NUMBER._replace(hunt_group_id=None)

    assert joined_groups(completed(begun(RESERVED, activate()), main_number)) == []


def test_a_main_number_never_joins_its_own_hunt_group() -> None:
    number = RESERVED._replace(phone_number=MAIN_PHONE_NUMBER, main_number=True)

    decision = completed(begun(number, activate(MAIN_PHONE_NUMBER)), RINGING_MAIN_NUMBER)

    assert joined_groups(decision) == []
    assert status_said(decision).status is NumberStatus.ACTIVE


def test_a_main_number_takes_a_voice_service_like_any_other() -> None:
    decision = decided(RESERVED._replace(main_number=True), activate())

    assert status_said(decision).entitlement.pending == USAGE.pending + 1


@pytest.mark.parametrize("groups", [("evening",), ("evening", "reception")])
def test_memberships_that_were_there_before_stay(groups: tuple[str, ...]) -> None:
    number = begun(RESERVED._replace(hunt_groups=groups), activate())

    decision = completed(number, RINGING_MAIN_NUMBER)

    assert joined_groups(decision) == ["reception"]
    assert decision.number is not None
    assert decision.number.hunt_groups == ("evening", "reception")


@pytest.mark.parametrize(
    "number", [None, RESERVED, begun(RESERVED, activate())._replace(account_id=None)]
)
def test_nothing_follows_where_no_operation_is_under_way(number: Number | None) -> None:
    assert advance(Situation(number, USAGE), LATER, POLICY) is None
