"""Effects of PBX results on steps, and of operators' resolutions on operations."""

from dataclasses import replace
from datetime import timedelta

import pytest
from activation_contracts.messages import PbxResult, PbxResultData
from activation_contracts.values import FailureCode, Step, StepResult
from hypothesis import given
from hypothesis import strategies as some

from tests.support.data.builders import (
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    NOW,
    deactivate,
    pending_number,
    with_failed_step,
)
from worker.core.operations.operation import PbxStep, Policy, StepState
from worker.core.operations.results import Resolution, apply_resolution, apply_result
from worker.core.operations.verdicts import SILENCE, VERDICTS, Condition, Verdict

STEP = PbxStep("operation-1", Step.EXTENSION_RESET, attempts_maximum=3, sent_at=NOW)
STEPS = {
    Condition.ATTEMPTS_LEFT: STEP,
    Condition.LAST_ATTEMPT: STEP._replace(attempt=3),
    Condition.UNLIMITED: STEP._replace(attempts_maximum=None, attempt=99),
    Condition.FAILED: STEP._replace(state=StepState.FAILED),
}
DONE_RESULTS = (StepResult.DONE, StepResult.ALREADY, StepResult.NOT_APPLICABLE)


def result(value: StepResult, result_id: str = "result-1") -> PbxResult:
    data = PbxResultData(operation_id="operation-1", result=value, code="BUSY", detail="later")
    return PbxResult(id=result_id, source="/pbx", data=data)


def test_every_result_and_silence_has_a_verdict_for_every_condition() -> None:
    assert {*VERDICTS} == {*StepResult, SILENCE}
    assert all({*row} == {*Condition} for row in VERDICTS.values())


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("value", StepResult)
def test_apply_result_follows_the_verdict_table(value: StepResult, condition: Condition) -> None:
    step, verdict = apply_result(STEPS[condition], result(value), NOW, AWAITING_ALL)

    assert verdict is VERDICTS[value][condition]
    assert (step.state is StepState.DONE) is (verdict is Verdict.DONE)
    assert (step.again_at is not None) is (verdict is Verdict.RETRY)
    assert (step.failure is not None) is (verdict is Verdict.FAILED)
    assert step.last_result == f"{value}, BUSY, later"


@pytest.mark.parametrize("condition", Condition)
def test_a_silent_step_follows_the_verdict_table(condition: Condition) -> None:
    silent = STEPS[condition]._replace(silent_at=NOW)

    is_asked_again = VERDICTS[SILENCE][condition] is Verdict.RETRY
    assert silent.request_at == (NOW if is_asked_again else None)
    assert silent.requested_again().condition is condition


def test_the_pause_doubles_up_to_its_maximum() -> None:
    policy = replace(
        AWAITING_ALL, first_pause=timedelta(seconds=2), longest_pause=timedelta(seconds=5)
    )

    assert [policy.pause_after(attempt).total_seconds() for attempt in (1, 2, 3, 1000)] == [
        *(2, 4),
        *(5, 5),
    ]
    step, _ = apply_result(STEP, result(StepResult.RETRY_LATER), NOW, policy)
    assert (step.attempt, step.again_at) == (2, NOW + timedelta(seconds=2))


def test_a_failure_carries_step_code_and_text_of_the_pbx() -> None:
    refused, _ = apply_result(STEP, result(StepResult.REFUSED), NOW, AWAITING_ALL)
    exhausted, _ = apply_result(
        STEPS[Condition.LAST_ATTEMPT], result(StepResult.RETRY_LATER), NOW, AWAITING_ALL
    )

    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.pbx_code) == (FailureCode.PBX_REFUSED, "BUSY")
    assert "extension_reset (attempt 1) with refused, BUSY, later" in refused.failure.detail
    assert exhausted.failure is not None
    assert exhausted.failure.code is FailureCode.ATTEMPTS_EXHAUSTED


@pytest.mark.parametrize("value", StepResult)
def test_a_redelivered_result_is_counted_once(value: StepResult) -> None:
    once, _ = apply_result(STEP, result(value), NOW, AWAITING_ALL)

    assert apply_result(once, result(value), NOW, AWAITING_ALL) == (once, Verdict.DUPLICATE)


@pytest.mark.parametrize("first", [StepResult.RETRY_LATER, StepResult.REFUSED])
def test_another_result_under_a_used_id_counts(first: StepResult) -> None:
    once, _ = apply_result(STEP, result(first), NOW, AWAITING_ALL)
    done, verdict = apply_result(once, result(StepResult.DONE), NOW, AWAITING_ALL)

    assert (done.state, verdict) == (StepState.DONE, Verdict.DONE)
    assert apply_result(done, result(first), NOW, AWAITING_ALL) == (done, Verdict.DUPLICATE)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_second_retry_later_does_not_use_up_a_planned_attempt(attempt: int) -> None:
    step = STEP._replace(attempt=attempt)
    once, _ = apply_result(step, result(StepResult.RETRY_LATER), NOW, AWAITING_ALL)
    twice, verdict = apply_result(once, result(StepResult.RETRY_LATER, "other"), NOW, AWAITING_ALL)

    assert verdict is Verdict.DUPLICATE
    assert (twice.attempt, twice.again_at) == (once.attempt, once.again_at)


@pytest.mark.parametrize("value", StepResult)
def test_a_step_that_is_done_stays_done(value: StepResult) -> None:
    done = STEP._replace(state=StepState.DONE)

    assert apply_result(done, result(value), NOW, AWAITING_ALL) == (done, Verdict.IGNORED)


@given(
    results=some.lists(
        some.tuples(some.sampled_from(StepResult), some.integers(0, 5)), min_size=1, max_size=20
    )
)
def test_results_in_any_order_complete_a_step_and_respect_the_attempt_limit(
    results: list[tuple[StepResult, int]],
) -> None:
    step = STEP
    for value, number in results:
        # The next attempt is sent before the next result comes.
        step = step._replace(again_at=None)
        step, _ = apply_result(step, result(value, f"{value}-{number}"), NOW, AWAITING_ALL)

    assert step.attempt <= 3
    if any(value in DONE_RESULTS for value, _ in results):
        assert step.state is StepState.DONE


FAILED = with_failed_step(
    pending_number(ACTIVE_IN_FULL_USE, deactivate(), AWAITING_ALL), FailureCode.ATTEMPTS_EXHAUSTED
)


def test_resolving_as_done_completes_all_open_steps() -> None:
    assert FAILED.ongoing is not None
    after = apply_resolution(FAILED.ongoing, Resolution.DONE, NOW, AWAITING_ALL, reason="by hand")

    assert after.open_steps == ()
    assert after.failure is None
    assert {step.last_result for step in after.steps} == {"by hand"}


def test_resolving_as_retry_restarts_all_open_steps() -> None:
    assert FAILED.ongoing is not None
    first, second, *others = FAILED.ongoing.steps
    ongoing = FAILED.ongoing._replace(steps=(first, second._replace(state=StepState.DONE), *others))
    policy: Policy = AWAITING_ALL
    later = NOW + timedelta(hours=1)

    after = apply_resolution(ongoing, Resolution.RETRY, later, policy, reason="again")

    assert after.steps[1].state is StepState.DONE
    assert len(after.open_steps) == len(ongoing.steps) - 1
    assert {(step.state, step.attempt, step.again_at) for step in after.open_steps} == {
        (StepState.OPEN, 1, later)
    }
    assert after.retry_round == ongoing.retry_round + 1
    assert (after.at_risk_at, after.deadline) == (
        later + policy.at_risk_after,
        later + policy.time_allowed,
    )


def test_resolving_as_give_up_records_the_operators_reason() -> None:
    assert FAILED.ongoing is not None
    after = apply_resolution(
        FAILED.ongoing, Resolution.GIVE_UP, NOW, AWAITING_ALL, reason="Ada: no PBX"
    )

    assert after.failure is not None
    assert (after.failure.code, after.failure.detail) == (FailureCode.GIVEN_UP, "Ada: no PBX")
    assert after.failure.step is Step.HUNT_GROUP_MEMBERSHIP
