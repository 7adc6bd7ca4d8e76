"""Decides a command: a duplicate, a refusal, or PENDING."""

from datetime import datetime

from activation_contracts.messages import Activate, Command, Deactivate, OperationAftermath
from activation_contracts.values import Step

from worker.core.decision import Decision, Outcome
from worker.core.messages.message_factory import MessageFactory, superseded
from worker.core.operations.operation import OngoingOperation, Policy, operation_of
from worker.core.operations.steps import new_step, new_steps
from worker.core.operations.transitions import Transition, apply
from worker.core.rejection import rejection
from worker.core.situation import Number, Situation
from worker.core.validation import Refused, Request, validate

__all__ = ["decide"]


def decide(situation: Situation, command: Command, now: datetime, policy: Policy) -> Decision:
    """The decision on the command: DUPLICATE, REJECTED, or PENDING.

    A duplicate changes nothing and publishes nothing; only its own `reply_to` gets the first answer
    once more [D]. A rejection publishes `command_rejected`. An accepted command makes the number
    PENDING and publishes that; a deactivation also publishes its PBX messages, in the order leave
    hunt groups, log out of handsets, reset the extension [S]. What an earlier operation of the
    number left to do is superseded, and gets its last word.
    """
    first_answer = situation.earlier_answers.get(command.fingerprint)
    if first_answer is not None:
        return Decision(Outcome.DUPLICATE, first_answer=first_answer)
    request = Request(command, situation, now)
    validated = validate(request)
    if isinstance(validated, Refused):
        return Decision(
            Outcome.REJECTED,
            messages=(rejection(request, validated),),
            refusal=validated.code,
            detail=validated.detail,
        )
    operation = _new_operation(command, now, policy)
    match command:
        case Activate():
            return _begin_activation(request, validated, operation, policy)
        case Deactivate():
            return _begin_deactivation(request, validated, operation, policy)


def _begin_activation(
    request: Request, number: Number, operation: OngoingOperation, policy: Policy
) -> Decision:
    messages = MessageFactory(operation, request.holder, operation.since)
    # No PBX message requests the activation: the PBX subscribes to the PENDING event itself. If no
    # step is awaited, the operation waits for the confirm of that event, which the view
    # step_snapshots shows as a step.
    steps = (
        (new_step(Step.ACTIVATION, messages.pending_id(number), policy),)
        if Step.ACTIVATION in policy.awaited_steps
        else ()
    )
    after = apply(number, Transition.BEGIN_ACTIVATION, operation._replace(steps=steps))
    usage = request.situation.usage.after(number.status, after.status)
    pending = messages.pending(number, after, usage, steps)
    return Decision(Outcome.PENDING, after, (pending, *_superseded(number, operation)))


def _begin_deactivation(
    request: Request, number: Number, operation: OngoingOperation, policy: Policy
) -> Decision:
    messages = MessageFactory(operation, request.holder, operation.since)
    after = apply(number, Transition.BEGIN_DEACTIVATION, operation)
    pbx_messages = messages.deprovision(number, after)
    steps = new_steps(pbx_messages, policy)
    awaited = tuple(step for step in steps if step.waits_for == "result")
    usage = request.situation.usage.after(number.status, after.status)
    pending = messages.pending(number, after, usage, steps)
    after = after._replace(ongoing=operation._replace(steps=awaited))
    last_word = _superseded(number, operation)
    return Decision(Outcome.PENDING, after, (pending, *last_word, *pbx_messages))


def _superseded(number: Number, operation: OngoingOperation) -> tuple[OperationAftermath, ...]:
    detail = f"Command {operation.command_id} began to {operation.operation} the number."
    return superseded(number, detail, operation.since)


def _new_operation(command: Command, now: datetime, policy: Policy) -> OngoingOperation:
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
