"""Applies PBX results to steps, and operators' resolutions to operations."""

from datetime import datetime
from enum import StrEnum, unique
from typing import Final, NamedTuple

from activation_contracts.messages import PbxResult, PbxResultData
from activation_contracts.values import FailureCode, StepResult

from worker.core.operations.operation import Failure, OngoingOperation, PbxStep, Policy, StepState
from worker.core.operations.verdicts import VERDICTS, Verdict

__all__ = ["AppliedResult", "Resolution", "apply_resolution", "apply_result"]


class AppliedResult(NamedTuple):
    """A step after a result."""

    step: PbxStep
    verdict: Verdict


def apply_result(step: PbxStep, result: PbxResult, now: datetime, policy: Policy) -> AppliedResult:
    """The step after this result. A result is counted once for its source, id and content.

    The content counts because a PBX may report each attempt under the same id: its `done` must not
    be taken for a repeat of its `retry_later`.
    """
    key = f"{result.source} {result.id} {result.fingerprint}"
    if key in step.counted_results:
        return AppliedResult(step, Verdict.DUPLICATE)
    if step.state is StepState.DONE:
        return AppliedResult(step, Verdict.IGNORED)
    data = result.data
    verdict = VERDICTS[data.result][step.condition]
    if data.result is StepResult.RETRY_LATER and step.again_at is not None:
        # The next attempt is planned and not yet made: this result must not use it up.
        verdict = Verdict.DUPLICATE
    counted = step._replace(
        counted_results=(*step.counted_results, key), last_result=_summary(data)
    )
    return AppliedResult(_EFFECTS[verdict](counted, data, now, policy), verdict)


def _complete(step: PbxStep, _data: PbxResultData, _now: datetime, _policy: Policy) -> PbxStep:
    return step._replace(state=StepState.DONE, again_at=None, silent_at=None, failure=None)


def _retry(step: PbxStep, _data: PbxResultData, now: datetime, policy: Policy) -> PbxStep:
    pause = policy.pause_after(step.attempt)
    return step._replace(attempt=step.attempt + 1, again_at=now + pause, silent_at=None)


def _fail(step: PbxStep, data: PbxResultData, _now: datetime, _policy: Policy) -> PbxStep:
    refused = data.result is StepResult.REFUSED
    code = FailureCode.PBX_REFUSED if refused else FailureCode.ATTEMPTS_EXHAUSTED
    detail = f"The PBX answered {step.step} (attempt {step.attempt}) with {_summary(data)}."
    failure = Failure(code, step.step, detail, data.code)
    return step._replace(state=StepState.FAILED, again_at=None, silent_at=None, failure=failure)


def _keep(step: PbxStep, _data: PbxResultData, _now: datetime, _policy: Policy) -> PbxStep:
    return step


_EFFECTS: Final = {
    Verdict.DONE: _complete,
    Verdict.RETRY: _retry,
    Verdict.FAILED: _fail,
    Verdict.DUPLICATE: _keep,
    Verdict.IGNORED: _keep,
}


def _summary(data: PbxResultData) -> str:
    return ", ".join(filter(None, (data.result, data.code, data.detail)))


@unique
class Resolution(StrEnum):
    """An operator's decision on an operation that cannot go on by itself [D]."""

    DONE = "done"
    """The open steps were done by hand."""
    RETRY = "retry"
    """The open steps are requested again, with as many attempts as at first."""
    GIVE_UP = "give-up"
    """The worker stops waiting: an activation fails, a deactivation ends RESERVED as failed."""


def apply_resolution(
    ongoing: OngoingOperation,
    resolution: Resolution,
    now: datetime,
    policy: Policy,
    *,
    reason: str,
) -> OngoingOperation:
    """The operation after the operator's decision; `advance` then decides what follows.

    `reason` is for people: who decided, and why.
    """
    if resolution is Resolution.GIVE_UP:
        first = next(iter(ongoing.open_steps), None)
        failure = Failure(FailureCode.GIVEN_UP, first.step if first else None, reason)
        return ongoing._replace(failure=failure)
    steps = tuple(
        step
        if step.state is StepState.DONE
        else _done_by_hand(step, reason)
        if resolution is Resolution.DONE
        else _restart(step, now, policy)
        for step in ongoing.steps
    )
    return ongoing._replace(
        steps=steps,
        at_risk_at=now + policy.at_risk_after,
        deadline=now + policy.time_allowed,
        delayed=False,
        failure=None,
        retry_round=ongoing.retry_round + 1,
    )


def _done_by_hand(step: PbxStep, reason: str) -> PbxStep:
    return step._replace(
        state=StepState.DONE, again_at=None, silent_at=None, failure=None, last_result=reason
    )


def _restart(step: PbxStep, now: datetime, policy: Policy) -> PbxStep:
    maximum = None if step.attempts_maximum is None else policy.attempts_maximum
    return step._replace(
        state=StepState.OPEN,
        attempt=1,
        attempts_maximum=maximum,
        sent_at=None,
        again_at=now,
        silent_at=None,
        failure=None,
    )
