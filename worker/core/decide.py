"""The heart: a command and a situation in, a decision out."""

from datetime import datetime, timedelta

from contracts.messages import Activate, Command
from worker.core.decision import Decision, Outcome
from worker.core.number import Move, moved
from worker.core.refusing import Question, Refused, admit, is_duplicate
from worker.core.situation import AccountAtSite, Number, PendingOperation, Situation
from worker.core.speech import Speaker, awaited, operation_of, rejection

__all__ = ["complete", "decide"]


def decide(
    situation: Situation, command: Command, now: datetime, *, time_allowed: timedelta
) -> Decision:
    """What follows from the command: nothing (a duplicate), a refusal, or PENDING.

    `time_allowed` is how long the operation may take before it counts as overdue.
    """
    question = Question(command, situation, now)
    if is_duplicate(question):
        return Decision(Outcome.DUPLICATE)
    admitted = admit(question)
    if isinstance(admitted, Refused):
        answer = rejection(question, admitted)
        return Decision(
            Outcome.REJECTED, messages=(answer,), refusal=admitted.code, detail=admitted.detail
        )
    return _begin(situation, admitted, command, _operation(command, now, time_allowed))


def complete(situation: Situation, now: datetime) -> Decision:
    """What follows when nothing is awaited any more: PENDING ends in ACTIVE or RESERVED.

    Raises ValueError where no operation is under way.
    """
    number = situation.number
    if number is None or number.pending is None or number.account_id is None:
        message = "only a number with an operation under way can be completed"
        raise ValueError(message)
    holder = AccountAtSite(number.account_id, number.site_id)
    speaker = Speaker(number.pending, holder, now)
    if number.pending.operation == "activate":
        return _complete_activation(situation, number, speaker)
    return _complete_deactivation(situation, number, speaker)


def _begin(
    situation: Situation, number: Number, command: Command, operation: PendingOperation
) -> Decision:
    holder = AccountAtSite(command.data.account_id, command.data.site_id)
    speaker = Speaker(operation, holder, operation.since)
    activates = isinstance(command, Activate)
    move = Move.BEGIN_ACTIVATION if activates else Move.BEGIN_DEACTIVATION
    after = moved(number, move, operation)
    to_pbx = () if activates else speaker.take_down(number, after)
    usage = situation.usage.moved(number.status, after.status)
    pending = speaker.pending(number, after, usage, awaited(to_pbx))
    return Decision(Outcome.PENDING, after, (pending, *to_pbx))


def _complete_activation(situation: Situation, number: Number, speaker: Speaker) -> Decision:
    after = moved(number, Move.COMPLETE_ACTIVATION)
    usage = situation.usage.moved(number.status, after.status)
    active = speaker.active(number, after, usage)
    main_number = situation.main_number
    hunt_group = main_number.rings_hunt_group if main_number else None
    if hunt_group is None or number.main_number:
        return Decision(Outcome.COMPLETED, after, (active,))
    joined = after.joined(hunt_group)
    return Decision(
        Outcome.COMPLETED, joined, (active, speaker.join_hunt_group(joined, hunt_group))
    )


def _complete_deactivation(situation: Situation, number: Number, speaker: Speaker) -> Decision:
    after = moved(number, Move.COMPLETE_DEACTIVATION)
    usage = situation.usage.moved(number.status, after.status)
    reserved = speaker.reserved(number, after, usage)
    return Decision(Outcome.COMPLETED, after, (reserved, *speaker.manual_logouts(number)))


def _operation(command: Command, now: datetime, time_allowed: timedelta) -> PendingOperation:
    return PendingOperation(
        operation=operation_of(command),
        command_source=command.source,
        command_id=command.id,
        correlation_id=command.correlationid or command.id,
        requested_by=command.data.requested_by,
        traceparent=command.traceparent,
        tracestate=command.tracestate,
        since=now,
        deadline=now + time_allowed,
    )
