"""The heart: a command and a situation in, a decision out."""

from datetime import datetime

from contracts.messages import Activate, Command
from contracts.values import Step
from worker.core.decision import Decision, Outcome
from worker.core.number import Move, moved
from worker.core.operation import OngoingOperation, Policy
from worker.core.refusing import Question, Refused, admit, is_duplicate
from worker.core.situation import AccountAtSite, Number, Situation
from worker.core.speech import Speaker, operation_of, rejection
from worker.core.steps import step_of, steps_of

__all__ = ["decide"]


def decide(situation: Situation, command: Command, now: datetime, policy: Policy) -> Decision:
    """What follows from the command: nothing (a duplicate), a refusal, or PENDING."""
    question = Question(command, situation, now)
    if is_duplicate(question):
        return Decision(Outcome.DUPLICATE)
    admitted = admit(question)
    if isinstance(admitted, Refused):
        answer = rejection(question, admitted)
        return Decision(
            Outcome.REJECTED, messages=(answer,), refusal=admitted.code, detail=admitted.detail
        )
    begin = _begin_activation if isinstance(command, Activate) else _begin_deactivation
    return begin(situation, admitted, _operation(command, now, policy), policy)


def _begin_activation(
    situation: Situation, number: Number, operation: OngoingOperation, policy: Policy
) -> Decision:
    speaker = Speaker(operation, _holder_of(number), operation.since)
    # The PENDING event is itself the message that asks a PBX to provision the number.
    awaited = (
        (step_of(Step.ACTIVATION, speaker.pending_id(number), policy),)
        if Step.ACTIVATION in policy.awaited_steps
        else ()
    )
    after = moved(number, Move.BEGIN_ACTIVATION, operation._replace(steps=awaited))
    usage = situation.usage.moved(number.status, after.status)
    pending = speaker.pending(number, after, usage, awaited)
    return Decision(Outcome.PENDING, after, (pending,))


def _begin_deactivation(
    situation: Situation, number: Number, operation: OngoingOperation, policy: Policy
) -> Decision:
    speaker = Speaker(operation, _holder_of(number), operation.since)
    after = moved(number, Move.BEGIN_DEACTIVATION, operation)
    to_pbx = speaker.take_down(number, after)
    steps = steps_of(to_pbx, policy)
    awaited = tuple(step for step in steps if step.waits_for == "result")
    usage = situation.usage.moved(number.status, after.status)
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
