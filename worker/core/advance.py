"""What follows of an operation on its way: its end, a notice, or nothing yet."""

from datetime import datetime
from typing import NamedTuple

from contracts.values import FailureCode, NumberStatus, Operation
from worker.core.decision import Decision, Outcome
from worker.core.explanations import clock_time
from worker.core.message_factory import MessageFactory
from worker.core.operation import Failure, OngoingOperation, Policy
from worker.core.situation import AccountAtSite, Number, Situation, Usage
from worker.core.steps import PbxMessage, steps_of
from worker.core.transitions import Transition, apply

__all__ = ["advance"]


def advance(situation: Situation, now: datetime, policy: Policy) -> Decision | None:
    """What follows now; None when there is nothing to do but wait.

    PENDING ends when no step is open. One that fails, or is open at the deadline, sends an
    activation back to RESERVED, and a deactivation to a person: that is never undone. What an
    ended operation left outstanding is followed the same way, but changes the number no more.
    """
    number = situation.number
    if number is None or number.ongoing is None or number.account_id is None:
        return None
    holder = AccountAtSite(number.account_id, number.site_id)
    case = _Case(
        situation, number, number.ongoing, MessageFactory(number.ongoing, holder, now), now, policy
    )
    follow = _under_way if number.status is NumberStatus.PENDING else _outstanding
    return follow(case) or _ask_again(case)


class _Case(NamedTuple):
    situation: Situation
    number: Number
    ongoing: OngoingOperation
    speaker: MessageFactory
    now: datetime
    policy: Policy

    @property
    def activates(self) -> bool:
        return self.ongoing.operation is Operation.ACTIVATE

    def usage_with(self, after: Number) -> Usage:
        return self.situation.usage.after(self.number.status, after.status)


def _under_way(case: _Case) -> Decision | None:
    if not case.ongoing.open_steps:
        return _complete_activation(case) if case.activates else _complete_deactivation(case)
    failure = _trouble(case)
    if failure is None:
        return _late(case)
    if case.activates:
        return _fall_back(case, failure)
    if failure.code is FailureCode.GIVEN_UP:
        return _give_up_deactivation(case, failure)
    return _ask_a_person(case, failure)


def _outstanding(case: _Case) -> Decision | None:
    settled = case.number._replace(ongoing=None)
    if not case.ongoing.open_steps:
        return Decision(Outcome.CLEANED_UP, settled)
    failure = _trouble(case)
    if failure is not None and failure.code is FailureCode.GIVEN_UP:
        said = case.speaker.failed(settled, case.situation.usage, failure, needs_a_person=False)
        return Decision(Outcome.CLEANED_UP, settled, (said,))
    if failure is not None and case.number.status is not NumberStatus.ACTIVE:
        return _ask_a_person(case, failure)
    return _late(case)


def _trouble(case: _Case) -> Failure | None:
    ongoing, open_steps = case.ongoing, case.ongoing.open_steps
    if ongoing.failure is not None:
        return ongoing.failure
    for step in open_steps:
        if step.failure is not None:
            return step.failure
    # The clock of a step that was never sent does not run: the PBX could not be late with it.
    if case.now < ongoing.deadline or any(step.sent_at is None for step in open_steps):
        return None
    first = open_steps[0]
    return Failure(
        FailureCode.DEADLINE_PASSED,
        first.step,
        f"No result for {first.step} by {clock_time(ongoing.deadline)}; sent at"
        f" {clock_time(first.sent_at)}, attempt {first.attempt}; last result:"
        f" {first.last_result or 'none'}.",
    )


def _late(case: _Case) -> Decision | None:
    # A message that the relay has not tried to publish yet is no fault of the PBX.
    offered = all(step.was_offered for step in case.ongoing.open_steps)
    if case.ongoing.delayed or not offered or case.now < case.ongoing.at_risk_at:
        return None
    after = case.number._replace(ongoing=case.ongoing._replace(delayed=True))
    return Decision(Outcome.NOTIFIED, after, (case.speaker.delayed(case.number),))


def _ask_again(case: _Case) -> Decision | None:
    again = [
        step
        for step in case.ongoing.steps_to_ask_again
        if step.again_at is not None and step.again_at <= case.now
    ]
    if not again:
        return None
    steps = tuple(
        step._replace(again_at=None) if step in again else step for step in case.ongoing.steps
    )
    after = case.number._replace(ongoing=case.ongoing._replace(steps=steps))
    return Decision(Outcome.ASKED_AGAIN, after, asked_again=tuple(again))


def _ask_a_person(case: _Case, failure: Failure) -> Decision | None:
    if case.ongoing.failure is not None:
        return None
    after = case.number._replace(ongoing=case.ongoing._replace(failure=failure))
    said = case.speaker.failed(after, case.situation.usage, failure, needs_a_person=True)
    return Decision(Outcome.NOTIFIED, after, (said,), failure=failure, detail=failure.detail)


def _complete_activation(case: _Case) -> Decision:
    after = apply(case.number, Transition.COMPLETE_ACTIVATION)
    main_number = case.situation.main_number
    hunt_group = main_number.rings_hunt_group if main_number else None
    joins: tuple[PbxMessage, ...] = ()
    if hunt_group is not None and not case.number.main_number:
        after = after.joined(hunt_group)
        joins = (case.speaker.join_hunt_group(after, hunt_group),)
    after = _with_outstanding(case, after, joins, without_limit=True)
    active = case.speaker.active(case.number, after, case.usage_with(after))
    return Decision(Outcome.COMPLETED, after, (active, *joins))


def _complete_deactivation(case: _Case) -> Decision:
    after = apply(case.number, Transition.COMPLETE_DEACTIVATION)
    reserved = case.speaker.reserved_blank(case.number, after, case.usage_with(after))
    return Decision(Outcome.COMPLETED, after, (reserved, *case.speaker.manual_logouts(case.number)))


def _give_up_deactivation(case: _Case, failure: Failure) -> Decision:
    ended = _complete_deactivation(case)
    after = ended.number or case.number
    failed = case.speaker.failed(after, case.usage_with(after), failure, needs_a_person=False)
    return Decision(
        Outcome.FAILED,
        after,
        (failed, *ended.messages),
        failure=failure,
        detail=failure.detail,
    )


def _fall_back(case: _Case, failure: Failure) -> Decision:
    after = apply(case.number, Transition.FAIL_ACTIVATION)
    # A PBX that refused did nothing. A reset could even do harm: the extension that it refuses
    # may be in another's use. After silence nobody knows how far it came.
    undoing: tuple[PbxMessage, ...] = (
        ()
        if failure.code is FailureCode.PBX_REFUSED
        else (case.speaker.compensate(case.number, after),)
    )
    after = _with_outstanding(case, after, undoing, without_limit=False)
    usage = case.usage_with(after)
    reserved = case.speaker.reserved(case.number, after, usage)
    failed = case.speaker.failed(after, usage, failure, needs_a_person=False)
    return Decision(
        Outcome.FAILED,
        after,
        (failed, reserved, *undoing),
        failure=failure,
        detail=failure.detail,
    )


def _with_outstanding(
    case: _Case, after: Number, messages: tuple[PbxMessage, ...], *, without_limit: bool
) -> Number:
    """The number with the steps that these messages ask for, where their results are awaited."""
    awaited = tuple(
        step._replace(attempts_maximum=None) if without_limit else step
        for step in steps_of(messages, case.policy)
        if step.waits_for == "result"
    )
    if not awaited:
        return after
    ongoing = case.ongoing._replace(
        steps=awaited,
        at_risk_at=case.now + case.policy.at_risk_after,
        deadline=case.now + case.policy.time_allowed,
        delayed=False,
        failure=None,
    )
    return after._replace(ongoing=ongoing)
