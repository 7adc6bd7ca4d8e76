"""Operations that wait for results: completion, failure, notification, or waiting."""

from datetime import timedelta

import pytest
from activation_contracts.messages import (
    ExtensionReset,
    OperationAftermath,
    OperationDelayed,
    OperationFailed,
    OperationFailedData,
)
from activation_contracts.values import AftermathState, AtDeadline, FailureCode, NumberStatus, Step

from tests.support.data.builders import (
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    NOW,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    USAGE,
    activate,
    advance_number,
    deactivate,
    decide_command,
    is_waiting,
    pending_number,
    status_data,
    with_failed_step,
    with_steps,
    with_steps_done,
)
from worker.core.decision import Decision, Outcome
from worker.core.messages.explanations import explain
from worker.core.operations.operation import Failure
from worker.core.operations.results import Resolution, apply_resolution
from worker.core.situation import Number

ACTIVATING = pending_number(RESERVED, activate(), AWAITING_ALL)
DEACTIVATING = pending_number(ACTIVE_IN_FULL_USE, deactivate(), AWAITING_ALL)
AT_RISK = NOW + POLICY.at_risk_after
OVERDUE = NOW + POLICY.time_allowed
MOMENT = timedelta(microseconds=1)


def sent(number: Number) -> Number:
    return with_steps(number, sent_at=NOW)


def kinds(decision: Decision) -> list[str]:
    return [type(message).__name__ for message in decision.messages]


def failure_data(decision: Decision) -> OperationFailedData:
    (failed,) = (item for item in decision.messages if isinstance(item, OperationFailed))
    return failed.data


def given_up_by_operator(number: Number) -> Number:
    assert number.ongoing is not None
    failure = Failure(FailureCode.GIVEN_UP, None, "Ada gave up.")
    return number._replace(ongoing=number.ongoing._replace(failure=failure))


@pytest.mark.parametrize("number", [ACTIVATING, DEACTIVATING])
def test_an_operation_waits_while_a_step_is_open(number: Number) -> None:
    assert is_waiting(sent(number), now=AT_RISK - MOMENT)


def test_the_step_of_an_activation_has_the_id_of_its_pending_event() -> None:
    decision = decide_command(RESERVED, activate(), policy=AWAITING_ALL)

    (awaited,) = status_data(decision).awaiting or ()
    assert awaited.operation_id == decision.messages[0].id
    assert (awaited.step, awaited.waits_for) == (Step.ACTIVATION, "result")
    assert (awaited.attempt, awaited.attempts_maximum) == (1, POLICY.attempts_maximum)
    assert status_data(decision).at_deadline is AtDeadline.BACK_TO_RESERVED


def test_an_activation_completes_when_its_step_is_done() -> None:
    decision = advance_number(with_steps_done(ACTIVATING))

    assert decision.outcome is Outcome.COMPLETED
    assert status_data(decision).status is NumberStatus.ACTIVE
    assert status_data(decision).outstanding is None


def test_a_deactivation_completes_only_when_every_step_is_done() -> None:
    assert DEACTIVATING.ongoing is not None
    *_, last = with_steps_done(DEACTIVATING).ongoing.steps  # type: ignore[union-attr]
    first, *_ = DEACTIVATING.ongoing.steps
    almost = DEACTIVATING._replace(ongoing=DEACTIVATING.ongoing._replace(steps=(first, last)))

    assert is_waiting(almost)
    assert (
        status_data(advance_number(with_steps_done(DEACTIVATING))).status is NumberStatus.RESERVED
    )


def test_a_hunt_group_join_is_outstanding_until_its_step_is_done() -> None:
    decision = advance_number(with_steps_done(ACTIVATING), RINGING_MAIN_NUMBER)

    assert kinds(decision) == ["StatusChanged", "HuntGroupMembership"]
    (outstanding,) = status_data(decision).outstanding or ()
    assert outstanding.operation_id == decision.messages[1].id
    assert outstanding.attempts_maximum is None
    active = decision.number
    assert active is not None
    assert is_waiting(active)
    cleaned_up = advance_number(with_steps_done(active))
    assert (cleaned_up.outcome, kinds(cleaned_up)) == (Outcome.CLEANED_UP, ["OperationAftermath"])
    assert cleaned_up.number == active._replace(ongoing=None)


def test_an_overdue_join_leaves_the_number_active_and_is_reported_once() -> None:
    active = advance_number(with_steps_done(ACTIVATING), RINGING_MAIN_NUMBER).number
    assert active is not None

    late = advance_number(sent(active), now=OVERDUE + POLICY.time_allowed)

    assert late.outcome is Outcome.NOTIFIED
    (outstanding,) = late.messages
    assert isinstance(outstanding, OperationAftermath)
    assert outstanding.data.status is NumberStatus.ACTIVE
    assert outstanding.data.state is AftermathState.OUTSTANDING
    assert late.number is not None
    assert is_waiting(late.number, now=OVERDUE + timedelta(days=1))


@pytest.mark.parametrize("number", [sent(ACTIVATING), sent(DEACTIVATING), DEACTIVATING])
def test_a_late_operation_is_reported_once(number: Number) -> None:
    decision = advance_number(number, now=AT_RISK)

    assert decision.outcome is Outcome.NOTIFIED
    (delayed,) = decision.messages
    assert isinstance(delayed, OperationDelayed)
    assert delayed.data.status is NumberStatus.PENDING
    assert len(delayed.data.awaiting) == len(number.ongoing.steps if number.ongoing else ())
    assert f"activation of {number.phone_number} is late" in delayed.data.message
    assert decision.number is not None
    assert is_waiting(decision.number, now=OVERDUE - MOMENT)


@pytest.mark.parametrize(
    ("code", "compensated"),
    [
        (FailureCode.PBX_REFUSED, False),
        (FailureCode.ATTEMPTS_EXHAUSTED, True),
    ],
)
def test_a_failed_activation_goes_back_to_reserved(code: FailureCode, *, compensated: bool) -> None:
    decision = advance_number(with_failed_step(ACTIVATING, code))

    assert decision.outcome is Outcome.FAILED
    assert (
        kinds(decision) == ["OperationFailed", "StatusChanged"] + ["ExtensionReset"] * compensated
    )
    failed = failure_data(decision)
    assert (failed.code, failed.step, failed.pbx_code) == (code, Step.ACTIVATION, "BUSY")
    assert (failed.status, failed.needs_a_person) == (NumberStatus.RESERVED, False)
    assert failed.sequence == ACTIVATING.sequence + 1
    assert failed.entitlement.pending == USAGE.pending - 1
    assert decision.number is not None
    assert (decision.number.ongoing is not None) is compensated


def test_an_overdue_activation_goes_back_to_reserved_and_resets_the_extension() -> None:
    decision = advance_number(sent(ACTIVATING), now=OVERDUE)

    assert failure_data(decision).code is FailureCode.DEADLINE_PASSED
    reset = decision.messages[-1]
    assert isinstance(reset, ExtensionReset)
    assert reset.data.sequence == ACTIVATING.sequence + 1
    number = decision.number
    assert number is not None
    assert advance_number(with_steps_done(number)).outcome is Outcome.CLEANED_UP


def test_a_compensating_reset_is_not_outstanding_if_its_result_is_not_awaited() -> None:
    decision = advance_number(sent(ACTIVATING), now=OVERDUE, policy=POLICY)

    assert kinds(decision) == ["OperationFailed", "StatusChanged", "ExtensionReset"]
    assert decision.number is not None
    assert decision.number.ongoing is None


def test_the_deadline_applies_to_a_step_whose_message_the_broker_refuses() -> None:
    failed = failure_data(advance_number(ACTIVATING, now=OVERDUE))

    assert failed.code is FailureCode.DEADLINE_PASSED
    assert "could not be published" in failed.detail


@pytest.mark.parametrize("code", [FailureCode.PBX_REFUSED, FailureCode.ATTEMPTS_EXHAUSTED])
def test_a_failed_deactivation_stays_pending_and_needs_an_operator(code: FailureCode) -> None:
    decision = advance_number(with_failed_step(DEACTIVATING, code))

    assert decision.outcome is Outcome.NOTIFIED
    failed = failure_data(decision)
    assert (failed.status, failed.needs_a_person, failed.code) == (NumberStatus.PENDING, True, code)
    number = decision.number
    assert number is not None
    assert is_waiting(number, now=OVERDUE + timedelta(days=1))
    assert status_data(advance_number(with_steps_done(number))).status is NumberStatus.RESERVED


def test_the_explanation_names_the_command_that_an_operator_must_run() -> None:
    number = advance_number(with_failed_step(DEACTIVATING, FailureCode.PBX_REFUSED)).number
    assert number is not None
    assert number.ongoing is not None

    assert "An operator must decide: run `activation-worker resolve`" in explain(
        number.status, number.ongoing
    )


def test_an_overdue_deactivation_needs_an_operator() -> None:
    failed = failure_data(advance_number(sent(DEACTIVATING), now=OVERDUE))

    assert (failed.code, failed.step) == (FailureCode.DEADLINE_PASSED, Step.HUNT_GROUP_MEMBERSHIP)


def test_a_failed_compensating_reset_needs_an_operator() -> None:
    reserved = advance_number(sent(ACTIVATING), now=OVERDUE).number
    assert reserved is not None

    decision = advance_number(with_failed_step(reserved, FailureCode.PBX_REFUSED))

    (needing,) = decision.messages
    assert isinstance(needing, OperationAftermath)
    assert (needing.data.status, needing.data.state, needing.data.code) == (
        NumberStatus.RESERVED,
        AftermathState.NEEDS_A_PERSON,
        FailureCode.PBX_REFUSED,
    )
    assert [step.step for step in needing.data.awaiting] == [Step.EXTENSION_RESET]
    assert decision.number is not None
    assert is_waiting(decision.number)


def test_giving_up_a_deactivation_ends_it_reserved_and_failed() -> None:
    decision = advance_number(given_up_by_operator(DEACTIVATING))

    assert decision.outcome is Outcome.FAILED
    assert kinds(decision)[:2] == ["OperationFailed", "StatusChanged"]
    assert failure_data(decision).needs_a_person is False
    assert decision.number is not None
    assert decision.number.status is NumberStatus.RESERVED
    assert decision.number.ongoing is None


def test_giving_up_an_activation_fails_it() -> None:
    decision = advance_number(given_up_by_operator(ACTIVATING))

    assert (decision.outcome, kinds(decision)[0]) == (Outcome.FAILED, "OperationFailed")


def test_giving_up_a_join_leaves_the_number_active() -> None:
    active = advance_number(with_steps_done(ACTIVATING), RINGING_MAIN_NUMBER).number
    assert active is not None

    decision = advance_number(given_up_by_operator(active))

    assert decision.outcome is Outcome.CLEANED_UP
    assert kinds(decision) == ["OperationAftermath"]
    assert decision.number == active._replace(ongoing=None)


def test_repeated_notifications_of_one_operation_have_distinct_ids() -> None:
    late = advance_number(sent(DEACTIVATING), now=AT_RISK)
    assert late.number is not None
    needing = advance_number(late.number, now=OVERDUE)
    assert needing.number is not None
    assert needing.number.ongoing is not None
    again = apply_resolution(
        needing.number.ongoing, Resolution.RETRY, OVERDUE, AWAITING_ALL, reason="once more"
    )
    number = sent(needing.number._replace(ongoing=again))
    late_again = advance_number(number, now=OVERDUE + POLICY.at_risk_after)
    assert late_again.number is not None
    needing_again = advance_number(late_again.number, now=OVERDUE + POLICY.time_allowed)

    decisions = (late, needing, late_again, needing_again)
    ids = [message.id for decision in decisions for message in decision.messages]
    assert len(ids) == len({*ids}) == len(decisions)
