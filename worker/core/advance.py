"""Advances an operation that has begun: to its end, to a notification, or not yet."""

from datetime import datetime
from typing import NamedTuple

from contracts.values import FailureCode, NumberStatus, Operation
from worker.core.decision import Decision, Outcome
from worker.core.due import ends_at, late_at
from worker.core.explanations import clock_time
from worker.core.message_factory import MessageFactory
from worker.core.operation import Failure, OngoingOperation, Policy
from worker.core.situation import AccountAtSite, Number, Situation, Usage
from worker.core.steps import PbxMessage, new_steps
from worker.core.transitions import Transition, apply

__all__ = ["advance"]


def advance(
    situation: Situation, now: datetime, policy: Policy, *, results_until: datetime | None = None
) -> Decision | None:
    """The next decision on the number's operation; None while it has to wait.

    An operation under way completes when no step is open [S]. If a step fails, or is open at the
    deadline, an activation goes back to RESERVED [S], and a deactivation needs an operator, because
    it is never undone [D]. Outstanding steps of an ended operation are followed in the same way,
    but do not change the status of the number.

    PBX results are known up to `results_until` (default: now). What was due later is not late: its
    result may still wait in the queue.
    """
    number = situation.number
    if number is None or number.ongoing is None or number.account_id is None:
        return None
    holder = AccountAtSite(number.account_id, number.site_id)
    messages = MessageFactory(number.ongoing, holder, now)
    judged_at = now if results_until is None else min(now, results_until)
    context = _Context(situation, number, number.ongoing, messages, now, judged_at, policy)
    decide = _advance_pending if number.status is NumberStatus.PENDING else _advance_outstanding
    return decide(context) or _retry(context)


class _Context(NamedTuple):
    situation: Situation
    number: Number
    ongoing: OngoingOperation
    messages: MessageFactory
    now: datetime
    judged_at: datetime
    """Deadlines count as passed at this moment: now, or earlier while results are unread."""
    policy: Policy

    @property
    def activates(self) -> bool:
        return self.ongoing.operation is Operation.ACTIVATE

    def has_passed(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self.judged_at

    def usage_after(self, after: Number) -> Usage:
        return self.situation.usage.after(self.number.status, after.status)


def _advance_pending(context: _Context) -> Decision | None:
    if not context.ongoing.open_steps:
        complete = _complete_activation if context.activates else _complete_deactivation
        return complete(context)
    failure = _failure(context)
    if failure is None:
        return _notify_delay(context)
    if context.activates:
        return _fail_activation(context, failure)
    if failure.code is FailureCode.GIVEN_UP:
        return _give_up_deactivation(context, failure)
    return _report_needs_operator(context, failure)


def _advance_outstanding(context: _Context) -> Decision | None:
    after = context.number._replace(ongoing=None)
    if not context.ongoing.open_steps:
        return Decision(Outcome.CLEANED_UP, after)
    failure = _failure(context)
    if failure is not None and failure.code is FailureCode.GIVEN_UP:
        usage = context.situation.usage
        failed = context.messages.failed(after, usage, failure, needs_operator=False)
        return Decision(Outcome.CLEANED_UP, after, (failed,))
    if failure is not None and context.number.status is not NumberStatus.ACTIVE:
        return _report_needs_operator(context, failure)
    return _notify_delay(context)


def _failure(context: _Context) -> Failure | None:
    """Why the operation cannot go on by itself; None while it can."""
    ongoing, open_steps = context.ongoing, context.ongoing.open_steps
    if ongoing.failure is not None:
        return ongoing.failure
    for step in open_steps:
        if step.failure is not None:
            return step.failure
    if not context.has_passed(ends_at(ongoing)):
        return None
    first = open_steps[0]
    return Failure(
        FailureCode.DEADLINE_PASSED,
        first.step,
        f"No result for {first.step} by {clock_time(ongoing.deadline)}; sent at"
        f" {clock_time(first.sent_at)}, attempt {first.attempt}; last result:"
        f" {first.last_result or 'none'}.",
    )


def _notify_delay(context: _Context) -> Decision | None:
    if not context.has_passed(late_at(context.ongoing)):
        return None
    after = context.number._replace(ongoing=context.ongoing._replace(delayed=True))
    return Decision(Outcome.NOTIFIED, after, (context.messages.delayed(context.number),))


def _retry(context: _Context) -> Decision | None:
    due = [step for step in context.ongoing.planned_retries if context.has_passed(step.again_at)]
    if not due:
        return None
    steps = tuple(
        step._replace(again_at=None) if step in due else step for step in context.ongoing.steps
    )
    after = context.number._replace(ongoing=context.ongoing._replace(steps=steps))
    return Decision(Outcome.RETRIED, after, retried=tuple(due))


def _report_needs_operator(context: _Context, failure: Failure) -> Decision | None:
    if context.ongoing.failure is not None:
        return None
    after = context.number._replace(ongoing=context.ongoing._replace(failure=failure))
    failed = context.messages.failed(after, context.situation.usage, failure, needs_operator=True)
    return Decision(Outcome.NOTIFIED, after, (failed,), failure=failure, detail=failure.detail)


def _complete_activation(context: _Context) -> Decision:
    after = apply(context.number, Transition.COMPLETE_ACTIVATION)
    main_number = context.situation.main_number
    hunt_group = main_number.hunt_group_to_join if main_number else None
    joins: tuple[PbxMessage, ...] = ()
    if hunt_group is not None and not context.number.main_number:
        after = after.with_hunt_group(hunt_group)
        joins = (context.messages.join_hunt_group(after, hunt_group),)
    after = _with_outstanding(context, after, joins, unlimited_attempts=True)
    active = context.messages.active(context.number, after, context.usage_after(after))
    return Decision(Outcome.COMPLETED, after, (active, *joins))


def _complete_deactivation(context: _Context) -> Decision:
    after = apply(context.number, Transition.COMPLETE_DEACTIVATION)
    reserved = context.messages.reserved_blank(context.number, after, context.usage_after(after))
    manual_logouts = context.messages.manual_logouts(context.number)
    return Decision(Outcome.COMPLETED, after, (reserved, *manual_logouts))


def _give_up_deactivation(context: _Context, failure: Failure) -> Decision:
    completed = _complete_deactivation(context)
    after = completed.number or context.number
    usage = context.usage_after(after)
    failed = context.messages.failed(after, usage, failure, needs_operator=False)
    return Decision(
        Outcome.FAILED,
        after,
        (failed, *completed.messages),
        failure=failure,
        detail=failure.detail,
    )


def _fail_activation(context: _Context, failure: Failure) -> Decision:
    after = apply(context.number, Transition.FAIL_ACTIVATION)
    # A PBX that refused has done nothing, and a reset could do harm: the extension that it refuses
    # may belong to another number. After any other failure the PBX may have provisioned the number.
    resets: tuple[PbxMessage, ...] = (
        ()
        if failure.code is FailureCode.PBX_REFUSED
        else (context.messages.compensate(context.number, after),)
    )
    after = _with_outstanding(context, after, resets, unlimited_attempts=False)
    usage = context.usage_after(after)
    reserved = context.messages.reserved(context.number, after, usage)
    failed = context.messages.failed(after, usage, failure, needs_operator=False)
    return Decision(
        Outcome.FAILED,
        after,
        (failed, reserved, *resets),
        failure=failure,
        detail=failure.detail,
    )


def _with_outstanding(
    context: _Context,
    after: Number,
    messages: tuple[PbxMessage, ...],
    *,
    unlimited_attempts: bool,
) -> Number:
    """The number with the steps that these messages request and whose results are awaited."""
    awaited = tuple(
        step._replace(attempts_maximum=None) if unlimited_attempts else step
        for step in new_steps(messages, context.policy)
        if step.waits_for == "result"
    )
    if not awaited:
        return after
    ongoing = context.ongoing._replace(
        steps=awaited,
        at_risk_at=context.now + context.policy.at_risk_after,
        deadline=context.now + context.policy.time_allowed,
        delayed=False,
        failure=None,
    )
    return after._replace(ongoing=ongoing)
