"""Previews a command: what it would lead to, by the functions that decide and advance it.

No rule stands here. So a preview and its command cannot differ.
"""

from datetime import datetime
from typing import Final, NamedTuple

from activation_contracts.catalogue import definition_of, routing_key_of
from activation_contracts.messages import (
    Command,
    CommandRejected,
    CommandRejectedData,
    Entitlement,
    ExtensionReset,
    HandsetLogout,
    HuntGroupMembership,
    ManualLogout,
    Previewed,
    PreviewedData,
    PreviewedExtensionReset,
    PreviewedHandsetLogout,
    PreviewedHuntGroupMembership,
    PreviewedMessage,
    PublishedMessage,
    ServiceHolder,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import NumberStatus, Operation, Would

from worker.core.answers import Answer
from worker.core.decide import decide
from worker.core.decision import Decision, Outcome
from worker.core.messages.identity import derived_id
from worker.core.operations.advance import advance
from worker.core.operations.operation import Policy, operation_of
from worker.core.operations.steps import PbxMessage
from worker.core.situation import Number, Situation

__all__ = ["preview"]

_ACCEPTED: Final = {
    Operation.ACTIVATE: "The number would become {status}.",
    Operation.DEACTIVATE: "The number would become {status}, and lose its settings for good.",
}
_ACCEPTED_BEFORE: Final = "The command was accepted before: a repeat has no second effect."
_REJECTED_TYPE: Final = definition_of(CommandRejected).type


class _Finding(NamedTuple):
    """What a preview says of a command."""

    would: Would
    code: RefusalCode | None
    message: str
    status: NumberStatus | None = None
    entitlement: Entitlement | None = None
    messages: tuple[PreviewedMessage, ...] = ()
    holders: tuple[ServiceHolder, ...] | None = None
    settings_cleared: tuple[str, ...] | None = None
    manual_logout: tuple[ManualLogout, ...] | None = None


def preview(situation: Situation, command: Command, now: datetime, policy: Policy) -> Decision:
    """The decision PREVIEWED, with the answer: how the command would be decided, and would end.

    The end is that of an operation whose PBX steps are all done. The command of an id that the
    ledger knows would get its first answer once more, and so does the preview: a refusal, or that
    it was accepted before.
    """
    decision = decide(situation, command, now, policy)
    if decision.number is None:
        return Decision(Outcome.PREVIEWED, preview=_previewed(command, _answered(decision), now))
    end = advance(_with_steps_done(situation, decision.number), now, policy)
    if end is None:
        raise AssertionError("an operation without an open step ends")
    finding = _accepted(operation_of(command), (*decision.messages, *end.messages))
    return Decision(Outcome.PREVIEWED, preview=_previewed(command, finding, now))


def _with_steps_done(situation: Situation, begun: Number) -> Situation:
    """The situation after the operation has begun, and no step of it is open."""
    before, ongoing = situation.number, begun.ongoing
    if before is None or ongoing is None:
        raise AssertionError("an accepted command has a number and begins an operation")
    return situation._replace(
        number=begun._replace(ongoing=ongoing._replace(steps=())),
        usage=situation.usage.after(before.status, begun.status),
    )


def _answered(decision: Decision) -> _Finding:
    """What follows from a refusal, or for a command that was decided before."""
    rejected = _rejection_in(decision.first_answer or decision.messages[0])
    if rejected is None:
        return _Finding(Would.BE_ACCEPTED, None, _ACCEPTED_BEFORE)
    return _Finding(
        Would.BE_REFUSED,
        rejected.code,
        rejected.message,
        rejected.status,
        rejected.entitlement,
        holders=rejected.holders,
    )


def _accepted(operation: Operation, messages: tuple[PublishedMessage, ...]) -> _Finding:
    """What follows from the messages of an operation, the first to the last."""
    reached = _last_status(messages)
    return _Finding(
        Would.BE_ACCEPTED,
        None,
        _ACCEPTED[operation].format(status=reached.status),
        reached.status,
        reached.entitlement,
        tuple(_shown(message) for message in messages if isinstance(message, PbxMessage)),
        settings_cleared=reached.settings_cleared,
        manual_logout=reached.manual_logout,
    )


def _last_status(messages: tuple[PublishedMessage, ...]) -> StatusChangedData:
    return [message.data for message in messages if isinstance(message, StatusChanged)][-1]


def _shown(message: PbxMessage) -> PreviewedMessage:
    routing_key = routing_key_of(message)
    match message:
        case HandsetLogout(data=data):
            return PreviewedHandsetLogout(routing_key=routing_key, data=data)
        case HuntGroupMembership(data=data):
            return PreviewedHuntGroupMembership(routing_key=routing_key, data=data)
        case ExtensionReset(data=data):
            return PreviewedExtensionReset(routing_key=routing_key, data=data)


def _rejection_in(answer: Answer) -> CommandRejectedData | None:
    if answer.type != _REJECTED_TYPE:
        return None
    return CommandRejected.model_validate_json(answer.encode()).data


def _previewed(command: Command, finding: _Finding, now: datetime) -> Previewed:
    data = command.data
    shown = PreviewedData(
        command_id=command.id,
        operation=operation_of(command),
        phone_number=data.phone_number,
        account_id=data.account_id,
        site_id=data.site_id,
        **finding._asdict(),
    )
    # The moment and the content, too: a preview that is asked for again may have another answer.
    # Equal answers share an id, and are published once.
    subject = ("previewed", now.isoformat(), shown.model_dump_json())
    return Previewed(
        id=derived_id(command.source, command.id, *subject),
        subject=data.phone_number,
        time=now,
        correlationid=command.correlationid or command.id,
        causationid=command.id,
        traceparent=command.traceparent,
        tracestate=command.tracestate,
        partitionkey=f"{data.account_id}/{data.site_id}",
        data=shown,
    )
