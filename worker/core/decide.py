"""The heart: a command and a situation in, a decision out."""

from datetime import datetime

from contracts.messages import Activate, Command
from contracts.values import Step
from worker.core.decision import Decision, Outcome
from worker.core.message_factory import MessageFactory, operation_of, rejection
from worker.core.operation import OngoingOperation, Policy
from worker.core.situation import AccountAtSite, Number, Situation
from worker.core.steps import step_of, steps_of
from worker.core.transitions import Transition, apply
from worker.core.validation import Refused, Request, is_duplicate, validate

__all__ = ["decide"]


def decide(situation: Situation, command: Command, now: datetime, policy: Policy) -> Decision:
    """What follows from the command: nothing (a duplicate), a refusal, or PENDING."""
    question = Request(command, situation, now)
    if is_duplicate(question):
        return Decision(Outcome.DUPLICATE)
    validated = validate(question)
    if isinstance(validated, Refused):
        answer = rejection(question, validated)
        return Decision(
            Outcome.REJECTED, messages=(answer,), refusal=validated.code, detail=validated.detail
        )
    begin = _begin_activation if isinstance(command, Activate) else _begin_deactivation
    return begin(situation, validated, _operation(command, now, policy), policy)


def _begin_activation(
    situation: Situation, number: Number, operation: OngoingOperation, policy: Policy
) -> Decision:
    speaker = MessageFactory(operation, _holder_of(number), operation.since)
    # The PENDING event is itself the message that asks a PBX to provision the number.
    awaited = (
        (step_of(Step.ACTIVATION, speaker.pending_id(number), policy),)
        if Step.ACTIVATION in policy.awaited_steps
        else ()
    )
    after = apply(number, Transition.BEGIN_ACTIVATION, operation._replace(steps=awaited))
    usage = situation.usage.after(number.status, after.status)
    pending = speaker.pending(number, after, usage, awaited)
    return Decision(Outcome.PENDING, after, (pending,))


def _begin_deactivation(
    situation: Situation, number: Number, operation: OngoingOperation, policy: Policy
) -> Decision:
    speaker = MessageFactory(operation, _holder_of(number), operation.since)
    after = apply(number, Transition.BEGIN_DEACTIVATION, operation)
    to_pbx = speaker.deprovision(number, after)
    steps = steps_of(to_pbx, policy)
    awaited = tuple(step for step in steps if step.waits_for == "result")
    usage = situation.usage.after(number.status, after.status)
    pending = speaker.pending(number, after, usage, steps)
    after = after._replace(ongoing=operation._replace(steps=awaited))
    return Decision(Outcome.PENDING, after, (pending, *to_pbx))


def _holder_of(number: Number) -> AccountAtSite:
    return AccountAtSite(number.account_id or "", number.site_id)


def _operation(command: Command, now: datetime, policy: Policy) -> OngoingOperation:
    return OngoingOperation(
        operation=operation_of(command),
        command_source=command.source,
        command_id=command.id,
        command_fingerprint=command.fingerprint,
        correlation_id=command.correlationid or command.id,
        requested_by=command.data.requested_by,
        traceparent=command.traceparent,
        tracestate=command.tracestate,
        since=now,
        at_risk_at=now + policy.at_risk_after,
        deadline=now + policy.time_allowed,
    )
