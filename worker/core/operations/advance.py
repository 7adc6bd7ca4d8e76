"""Advances an operation that has begun: to its end, to a notification, or not yet."""

from datetime import datetime
from typing import NamedTuple

from activation_contracts.values import (
    AftermathKind,
    AftermathState,
    FailureCode,
    Operation,
)

from worker.core.cause import Cause
from worker.core.decision import Decision, Outcome
from worker.core.entitlement import change_of
from worker.core.messages.explanations import clock_time, explain
from worker.core.messages.message_factory import MessageFactory
from worker.core.operations.due import ends_at, late_at
from worker.core.operations.operation import Failure, OngoingOperation, Policy
from worker.core.operations.steps import PbxMessage, new_steps
from worker.core.operations.transitions import Transition, apply
from worker.core.situation import Number, Situation, Usage

__all__ = ["advance"]


def advance(
    situation: Situation, now: datetime, policy: Policy, *, results_until: datetime | None = None
) -> Decision | None:
    """The next decision on the number's operation; None while it has to wait.

    An operation under way completes when no step is open [S]. If a step fails, or is open at the
    deadline, an activation goes back to RESERVED [S], and a deactivation needs an operator, because
    it is never undone [D]. The aftermath of an ended operation has messages of its own and does not
    change the status of the number. A PBX that stays silent is asked again in all of them [D].

    PBX results are known up to `results_until` (default: now). What was due later is not late: its
    result may still wait in the queue.
    """
    number = situation.number
    if number is None or number.ongoing is None or number.holder is None:
        return None
    messages = MessageFactory(number.ongoing, number.holder, now)
    judged_at = now if results_until is None else min(now, results_until)
    context = _Context(situation, number, number.ongoing, messages, now, judged_at, policy)
    aftermath = number.ongoing.aftermath
    decision = (
        _advance_under_way(context) if aftermath is None else _advance_aftermath(context, aftermath)
    )
    return _with_end_of_shortage(context, decision) if decision else _retry(context)


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


def _advance_under_way(context: _Context) -> Decision | None:
    if not context.ongoing.open_steps:
        complete = _complete_activation if context.activates else _complete_deactivation
        return complete(context)
    failure = _failure(context)
    if failure is None:
        return _notify_delay(context)
    if context.activates:
        return _fail_activation(context, failure)
    if _is_given_up(failure):
        return _give_up_deactivation(context, failure)
    return _report_needs_operator(context, failure)


def _advance_aftermath(context: _Context, what: AftermathKind) -> Decision | None:
    number, messages = context.number, context.messages
    ended = number._replace(ongoing=None)
    if not context.ongoing.open_steps:
        results = dict.fromkeys(step.last_result or "done" for step in context.ongoing.steps)
        detail = "; ".join(results)
        last_word = messages.aftermath(number, what, AftermathState.DONE, detail=detail)
        return Decision(Outcome.CLEANED_UP, ended, (last_word,), detail=detail)
    failure = _failure(context)
    if failure is None or (context.ongoing.joins_hunt_group and not _is_given_up(failure)):
        return _notify_delay(context)
    if not _is_given_up(failure):
        return _report_needs_operator(context, failure)
    given_up = AftermathState.GIVEN_UP
    last_word = messages.aftermath(number, what, given_up, detail=failure.detail, failure=failure)
    return Decision(Outcome.CLEANED_UP, ended, (last_word,), detail=failure.detail)


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
    # An unsent message explains more than a silent PBX: the others may wait behind it.
    first = next((step for step in open_steps if step.sent_at is None), open_steps[0])
    deadline = clock_time(ongoing.deadline)
    detail = (
        f"No result for {first.step} by {deadline}; sent at {clock_time(first.sent_at)}, attempt"
        f" {first.attempt}; last result: {first.last_result or 'none'}."
        if first.sent_at
        else f"The message for {first.step} could not be published by {deadline}; last error:"
        f" {first.publish_error}."
    )
    return Failure(FailureCode.DEADLINE_PASSED, first.step, detail)


def _is_given_up(failure: Failure) -> bool:
    return failure.code is FailureCode.GIVEN_UP


def _notify_delay(context: _Context) -> Decision | None:
    if not context.has_passed(late_at(context.ongoing)):
        return None
    number, ongoing = context.number, context.ongoing
    notice = (
        context.messages.delayed(number)
        if ongoing.aftermath is None
        else context.messages.aftermath(
            number,
            ongoing.aftermath,
            AftermathState.OUTSTANDING,
            detail=explain(number.status, ongoing),
        )
    )
    after = number._replace(ongoing=ongoing._replace(delayed=True))
    return Decision(Outcome.NOTIFIED, after, (notice,))


def _retry(context: _Context) -> Decision | None:
    due = {
        step.step_id: step.requested_again()
        for step in context.ongoing.open_steps
        if context.has_passed(step.request_at)
    }
    if not due:
        return None
    steps = tuple(due.get(step.step_id, step) for step in context.ongoing.steps)
    after = context.number._replace(ongoing=context.ongoing._replace(steps=steps))
    return Decision(Outcome.RETRIED, after, retried=tuple(due.values()))


def _report_needs_operator(context: _Context, failure: Failure) -> Decision | None:
    if context.ongoing.failure is not None:
        return None
    ongoing = context.ongoing._replace(failure=failure)
    after = context.number._replace(ongoing=ongoing)
    notice = (
        context.messages.failed(after, context.situation.usage, failure, needs_operator=True)
        if ongoing.aftermath is None
        else context.messages.aftermath(
            after,
            ongoing.aftermath,
            AftermathState.NEEDS_A_PERSON,
            detail=explain(after.status, ongoing),
            failure=failure,
        )
    )
    return Decision(Outcome.NOTIFIED, after, (notice,), failure=failure, detail=failure.detail)


def _complete_activation(context: _Context) -> Decision:
    after = apply(context.number, Transition.COMPLETE_ACTIVATION)
    main_number = context.situation.main_number
    hunt_group = main_number.hunt_group_to_join if main_number else None
    joins: tuple[PbxMessage, ...] = ()
    if hunt_group is not None and not context.number.main_number:
        after = after.with_hunt_group(hunt_group)
        joins = (context.messages.join_hunt_group(after, hunt_group),)
    after = _with_aftermath(context, after, AftermathKind.HUNT_GROUP_JOIN, joins)
    active = context.messages.active(context.number, after, context.usage_after(after))
    return Decision(Outcome.COMPLETED, after, (active, *joins))


def _complete_deactivation(context: _Context, failure: Failure | None = None) -> Decision:
    number, usage = context.number, context.usage_after
    after = apply(number, Transition.COMPLETE_DEACTIVATION)
    reserved = context.messages.reserved_blank(number, after, usage(after), failure)
    manual_logouts = context.messages.manual_logouts(number, after)
    return Decision(Outcome.COMPLETED, after, (reserved, *manual_logouts))


def _give_up_deactivation(context: _Context, failure: Failure) -> Decision:
    completed = _complete_deactivation(context, failure)
    after = completed.number or context.number
    usage = context.usage_after(after)
    failed = context.messages.failed(after, usage, failure, needs_operator=False)
    messages = (failed, *completed.messages)
    return Decision(Outcome.FAILED, after, messages, failure=failure, detail=failure.detail)


def _fail_activation(context: _Context, failure: Failure) -> Decision:
    after = apply(context.number, Transition.FAIL_ACTIVATION)
    # A PBX that refused has done nothing, and a reset could do harm: the extension that it refuses
    # may belong to another number. After any other failure the PBX may have provisioned the number.
    resets: tuple[PbxMessage, ...] = (
        ()
        if failure.code is FailureCode.PBX_REFUSED
        else (context.messages.compensate(context.number, after),)
    )
    after = _with_aftermath(context, after, AftermathKind.COMPENSATION, resets)
    usage = context.usage_after(after)
    reserved = context.messages.reserved(context.number, after, usage, failure)
    failed = context.messages.failed(after, usage, failure, needs_operator=False)
    messages = (failed, reserved, *resets)
    return Decision(Outcome.FAILED, after, messages, failure=failure, detail=failure.detail)


def _with_end_of_shortage(context: _Context, decision: Decision) -> Decision:
    """Says so if the account used more than was in force, and does not after this decision."""
    usage, after = context.situation.usage, decision.number
    if after is None or after.holder is None or after.status is context.number.status:
        return decision
    if not usage.exceeded:
        return decision
    ongoing = context.ongoing
    cause = Cause(
        ongoing.command_source,
        ongoing.command_id,
        ongoing.correlation_id,
        ongoing.traceparent,
        ongoing.tracestate,
    )
    restored = change_of(after.holder, context.usage_after(after), cause, context.now)
    return decision._replace(messages=(*decision.messages, restored)) if restored else decision


def _with_aftermath(
    context: _Context, after: Number, what: AftermathKind, messages: tuple[PbxMessage, ...]
) -> Number:
    """The number with the steps that these messages request and whose results are awaited."""
    is_unlimited = what is AftermathKind.HUNT_GROUP_JOIN
    awaited = tuple(
        step._replace(attempts_maximum=None) if is_unlimited else step
        for step in new_steps(messages, context.policy)
        if step.waits_for == "result"
    )
    if not awaited:
        return after
    ongoing = context.ongoing._replace(
        steps=awaited,
        since=context.now,
        at_risk_at=context.now + context.policy.at_risk_after,
        deadline=context.now + context.policy.time_allowed,
        aftermath=what,
        delayed=False,
        failure=None,
        retry_round=1,
    )
    return after._replace(ongoing=ongoing)
