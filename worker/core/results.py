"""What a PBX result does to a step, and what an operator's decision does to an operation."""

from datetime import datetime
from enum import StrEnum, unique
from typing import Final, NamedTuple

from contracts.messages import PbxResult, PbxResultData
from contracts.values import FailureCode, StepResult
from worker.core.operation import Failure, OngoingOperation, PbxStep, Policy, StepState

__all__ = [
    "VERDICTS",
    "Condition",
    "Resolution",
    "Verdict",
    "answered",
    "resolved",
]


@unique
class Verdict(StrEnum):
    """What a result does."""

    DONE = "done"
    AGAIN = "again"
    """The message is sent again after a pause."""
    FAILED = "failed"
    REPEATED = "repeated"
    """It was counted before, or the next attempt is already on its way: nothing is changed."""
    LATE = "late"
    """The step has ended: nothing is changed."""


@unique
class Condition(StrEnum):
    """How a step stands when a result comes."""

    ATTEMPTS_LEFT = "attempts left"
    LAST_ATTEMPT = "last attempt"
    KEEPS_TRYING = "keeps trying"
    """A hunt-group join: the number is in use, and stays so."""
    FAILED = "failed"
    """A person was asked to decide."""


_DONE: Final = dict.fromkeys(Condition, Verdict.DONE)

VERDICTS: Final[dict[StepResult, dict[Condition, Verdict]]] = {
    StepResult.DONE: _DONE,
    StepResult.ALREADY: _DONE,
    StepResult.NOT_APPLICABLE: _DONE,
    StepResult.RETRY_LATER: {
        Condition.ATTEMPTS_LEFT: Verdict.AGAIN,
        Condition.LAST_ATTEMPT: Verdict.FAILED,
        Condition.KEEPS_TRYING: Verdict.AGAIN,
        Condition.FAILED: Verdict.LATE,
    },
    StepResult.REFUSED: {
        Condition.ATTEMPTS_LEFT: Verdict.FAILED,
        Condition.LAST_ATTEMPT: Verdict.FAILED,
        Condition.KEEPS_TRYING: Verdict.AGAIN,
        Condition.FAILED: Verdict.LATE,
    },
}
"""The whole policy: what a result does to a step that is not done, by how the step stands."""


class Answered(NamedTuple):
    """A step after a result."""

    step: PbxStep
    verdict: Verdict


def answered(step: PbxStep, result: PbxResult, now: datetime, policy: Policy) -> Answered:
    """The step after this result. A result is counted once, whatever it is repeated under."""
    key = f"{result.source} {result.id}"
    if key in step.answers:
        return Answered(step, Verdict.REPEATED)
    if step.state is StepState.DONE:
        return Answered(step, Verdict.LATE)
    data = result.data
    verdict = VERDICTS[data.result][_condition_of(step)]
    if data.result is StepResult.RETRY_LATER and step.again_at is not None:
        # The attempt that it would use up, perhaps the last one, has not even been made.
        verdict = Verdict.REPEATED
    counted = step._replace(answers=(*step.answers, key), last_result=_in_words(data))
    return Answered(_CHANGES[verdict](counted, data, now, policy), verdict)


def _condition_of(step: PbxStep) -> Condition:
    if step.state is StepState.FAILED:
        return Condition.FAILED
    if step.attempts_maximum is None:
        return Condition.KEEPS_TRYING
    if step.attempt < step.attempts_maximum:
        return Condition.ATTEMPTS_LEFT
    return Condition.LAST_ATTEMPT


def _done(step: PbxStep, _data: PbxResultData, _now: datetime, _policy: Policy) -> PbxStep:
    return step._replace(state=StepState.DONE, again_at=None, failure=None)


def _again(step: PbxStep, _data: PbxResultData, now: datetime, policy: Policy) -> PbxStep:
    pause = policy.pause_after(step.attempt)
    return step._replace(attempt=step.attempt + 1, again_at=now + pause)


def _failed(step: PbxStep, data: PbxResultData, _now: datetime, _policy: Policy) -> PbxStep:
    refused = data.result is StepResult.REFUSED
    code = FailureCode.PBX_REFUSED if refused else FailureCode.ATTEMPTS_EXHAUSTED
    detail = f"The PBX answered {step.step} (attempt {step.attempt}) with {_in_words(data)}."
    failure = Failure(code, step.step, detail, data.code)
    return step._replace(state=StepState.FAILED, again_at=None, failure=failure)


def _unchanged(step: PbxStep, _data: PbxResultData, _now: datetime, _policy: Policy) -> PbxStep:
    return step


_CHANGES: Final = {
    Verdict.DONE: _done,
    Verdict.AGAIN: _again,
    Verdict.FAILED: _failed,
    Verdict.REPEATED: _unchanged,
    Verdict.LATE: _unchanged,
}


def _in_words(data: PbxResultData) -> str:
    return ", ".join(filter(None, (data.result, data.code, data.detail)))


@unique
class Resolution(StrEnum):
    """What a person decides on an operation that cannot go on by itself."""

    DONE = "done"
    """The open steps were done by hand."""
    RETRY = "retry"
    """The open steps are asked for once more, with as many attempts as at first."""
    GIVE_UP = "give-up"
    """Nobody waits any more: an activation falls back, a deactivation ends RESERVED."""


def resolved(
    ongoing: OngoingOperation,
    resolution: Resolution,
    now: datetime,
    policy: Policy,
    *,
    reason: str,
) -> OngoingOperation:
    """The operation after a person's decision; what follows is concluded from it."""
    if resolution is Resolution.GIVE_UP:
        first = next(iter(ongoing.open_steps), None)
        failure = Failure(FailureCode.GIVEN_UP, first.step if first else None, reason)
        return ongoing._replace(failure=failure)
    change = _done_by_hand if resolution is Resolution.DONE else _asked_anew
    steps = tuple(
        step if step.state is StepState.DONE else change(step, reason, now)
        for step in ongoing.steps
    )
    return ongoing._replace(
        steps=steps,
        at_risk_at=now + policy.at_risk_after,
        deadline=now + policy.time_allowed,
        delayed=False,
        failure=None,
        round=ongoing.round + 1,
    )


def _done_by_hand(step: PbxStep, reason: str, _now: datetime) -> PbxStep:
    return step._replace(state=StepState.DONE, again_at=None, failure=None, last_result=reason)


def _asked_anew(step: PbxStep, _reason: str, now: datetime) -> PbxStep:
    return step._replace(state=StepState.OPEN, attempt=1, sent_at=None, again_at=now, failure=None)
