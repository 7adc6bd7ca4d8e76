"""What a result does to a step, and what a person's decision does to an operation."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from contracts.messages import PbxResult, PbxResultData
from contracts.values import FailureCode, Step, StepResult
from tests.support.builders import (
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    NOW,
    begun,
    deactivate,
    step_failed,
)
from worker.core.operation import PbxStep, Policy, StepState
from worker.core.results import VERDICTS, Condition, Resolution, Verdict, answered, resolved

STEP = PbxStep("operation-1", Step.EXTENSION_RESET, attempts_maximum=3, sent_at=NOW)
STEPS = {
    Condition.ATTEMPTS_LEFT: STEP,
    Condition.LAST_ATTEMPT: STEP._replace(attempt=3),
    Condition.KEEPS_TRYING: STEP._replace(attempts_maximum=None, attempt=99),
    Condition.FAILED: STEP._replace(state=StepState.FAILED),
}
DONE_WORDS = (StepResult.DONE, StepResult.ALREADY, StepResult.NOT_APPLICABLE)


def result(word: StepResult, result_id: str = "result-1") -> PbxResult:
    data = PbxResultData(operation_id="operation-1", result=word, code="BUSY", detail="later")
    return PbxResult(id=result_id, source="/pbx", data=data)


def test_every_result_has_a_verdict_for_every_condition() -> None:
    assert {*VERDICTS} == {*StepResult}
    assert all({*row} == {*Condition} for row in VERDICTS.values())


@pytest.mark.parametrize("condition", Condition)
@pytest.mark.parametrize("word", StepResult)
def test_the_table_is_what_happens(word: StepResult, condition: Condition) -> None:
    step, verdict = answered(STEPS[condition], result(word), NOW, AWAITING_ALL)

    assert verdict is VERDICTS[word][condition]
    assert (step.state is StepState.DONE) is (verdict is Verdict.DONE)
    assert (step.again_at is not None) is (verdict is Verdict.AGAIN)
    assert (step.failure is not None) is (verdict is Verdict.FAILED)
    assert step.last_result == f"{word}, BUSY, later"


def test_another_attempt_comes_later_each_time_but_not_for_ever() -> None:
    policy = replace(
        AWAITING_ALL, first_pause=timedelta(seconds=2), longest_pause=timedelta(seconds=5)
    )

    assert [policy.pause_after(attempt).total_seconds() for attempt in (1, 2, 3, 1000)] == [
        *(2, 4),
        *(5, 5),
    ]
    step, _ = answered(STEP, result(StepResult.RETRY_LATER), NOW, policy)
    assert (step.attempt, step.again_at) == (2, NOW + timedelta(seconds=2))


def test_a_failure_names_step_code_and_words_of_the_pbx() -> None:
    refused, _ = answered(STEP, result(StepResult.REFUSED), NOW, AWAITING_ALL)
    exhausted, _ = answered(
        STEPS[Condition.LAST_ATTEMPT], result(StepResult.RETRY_LATER), NOW, AWAITING_ALL
    )

    assert refused.failure is not None
    assert (refused.failure.code, refused.failure.pbx_code) == (FailureCode.PBX_REFUSED, "BUSY")
    assert "extension_reset (attempt 1) with refused, BUSY, later" in refused.failure.detail
    assert exhausted.failure is not None
    assert exhausted.failure.code is FailureCode.ATTEMPTS_EXHAUSTED


@pytest.mark.parametrize("word", StepResult)
def test_a_repeated_result_is_counted_once(word: StepResult) -> None:
    once, _ = answered(STEP, result(word), NOW, AWAITING_ALL)

    assert answered(once, result(word), NOW, AWAITING_ALL) == (once, Verdict.REPEATED)


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_second_retry_later_does_not_use_up_an_attempt_that_was_not_sent(attempt: int) -> None:
    step = STEP._replace(attempt=attempt)
    once, _ = answered(step, result(StepResult.RETRY_LATER), NOW, AWAITING_ALL)
    twice, verdict = answered(once, result(StepResult.RETRY_LATER, "other"), NOW, AWAITING_ALL)

    assert verdict is Verdict.REPEATED
    assert (twice.attempt, twice.again_at) == (once.attempt, once.again_at)


@pytest.mark.parametrize("word", StepResult)
def test_what_is_done_stays_done(word: StepResult) -> None:
    done = STEP._replace(state=StepState.DONE)

    assert answered(done, result(word), NOW, AWAITING_ALL) == (done, Verdict.LATE)


@given(
    words=some.lists(
        some.tuples(some.sampled_from(StepResult), some.integers(0, 5)), min_size=1, max_size=20
    )
)
def test_in_any_order_and_however_often_a_step_that_was_done_is_done_and_attempts_are_bounded(
    words: list[tuple[StepResult, int]],
) -> None:
    step = STEP
    for word, number in words:
        # The next attempt is sent before the next result comes.
        step = step._replace(again_at=None)
        step, _ = answered(step, result(word, f"{word}-{number}"), NOW, AWAITING_ALL)

    assert step.attempt <= 3
    if any(word in DONE_WORDS for word, _ in words):
        assert step.state is StepState.DONE


FAILED = step_failed(
    begun(ACTIVE_IN_FULL_USE, deactivate(), AWAITING_ALL), FailureCode.ATTEMPTS_EXHAUSTED
)


def test_a_person_who_did_it_leaves_nothing_open() -> None:
    assert FAILED.ongoing is not None
    after = resolved(FAILED.ongoing, Resolution.DONE, NOW, AWAITING_ALL, reason="by hand")

    assert after.open_steps == ()
    assert after.failure is None
    assert {step.last_result for step in after.steps} == {"by hand"}


def test_a_person_who_tries_again_gives_every_open_step_all_its_attempts_anew() -> None:
    assert FAILED.ongoing is not None
    first, second, *others = FAILED.ongoing.steps
    ongoing = FAILED.ongoing._replace(steps=(first, second._replace(state=StepState.DONE), *others))
    policy: Policy = AWAITING_ALL
    later = NOW + timedelta(hours=1)

    after = resolved(ongoing, Resolution.RETRY, later, policy, reason="again")

    assert after.steps[1].state is StepState.DONE
    assert len(after.open_steps) == len(ongoing.steps) - 1
    assert {(step.state, step.attempt, step.again_at) for step in after.open_steps} == {
        (StepState.OPEN, 1, later)
    }
    assert after.round == ongoing.round + 1
    assert (after.at_risk_at, after.deadline) == (
        later + policy.at_risk_after,
        later + policy.time_allowed,
    )


def test_a_person_who_gives_up_is_named_in_the_failure() -> None:
    assert FAILED.ongoing is not None
    after = resolved(FAILED.ongoing, Resolution.GIVE_UP, NOW, AWAITING_ALL, reason="Ada: no PBX")

    assert after.failure is not None
    assert (after.failure.code, after.failure.detail) == (FailureCode.GIVEN_UP, "Ada: no PBX")
    assert after.failure.step is Step.HUNT_GROUP_MEMBERSHIP
