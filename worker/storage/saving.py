"""Saves decisions: most rows of a batch with one statement."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from activation_contracts.messages import Command, ManualLogoutRequired, OperationAftermath
from activation_contracts.values import NumberStatus, Operation

from worker.core.answers import Answer, StoredAnswer
from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.lanes import Lane
from worker.core.operations.operation import OngoingOperation, PbxStep, operation_of
from worker.core.situation import Number
from worker.storage.connecting.session import Session, require_all
from worker.storage.entitlement import mark_entitlements
from worker.storage.manual_logouts import RequiredLogout, open_manual_logouts
from worker.storage.operations import change_operations, open_steps, send_steps_again, write_steps
from worker.storage.outbox.rows import outbox_row
from worker.storage.rows import (
    CommandRow,
    NumberRow,
    OperationEndRow,
    OperationRow,
    OutboxRow,
)

__all__ = ["Decided", "ReplyTo", "WriteContext", "save_advances", "save_decisions"]

ENDS: Final = frozenset({Outcome.COMPLETED, Outcome.FAILED, Outcome.CLEANED_UP})
ON_THE_WAY: Final = frozenset({Outcome.NOTIFIED, Outcome.RETRIED})


class WriteContext(NamedTuple):
    """The values that all rows of one transaction share."""

    partition: int
    now: datetime


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where the first answer to a command is sent as well: its AMQP property `reply_to`."""

    queue: str
    correlation_id: str


class Decided(NamedTuple):
    """A command and what follows from it."""

    command: Command
    decision: Decision
    reply_to: ReplyTo | None = None
    lane: Lane = Lane.INTERACTIVE


async def save_decisions(
    session: Session, context: WriteContext, decided: Sequence[Decided]
) -> None:
    """Saves the decisions on commands: ledger, numbers, operations, steps and outbox.

    A repeated command adds only the reply to it.
    """
    begun = [item.decision.number for item in decided if item.decision.number]
    started: list[OperationRow] = []
    new: list[CommandRow] = []
    messages: list[OutboxRow] = []
    for item in decided:
        rows = _rows_of(item)
        messages += rows
        if item.decision.number:
            started += _operation_rows([item.decision.number], item.lane)
        if item.decision.first_answer is None:
            new.append(_command_row(item.command, item.decision, rows[0].body))
    if not new and not messages:
        return
    ((numbers, operations),) = await session.fetch(
        "save_decisions",
        decided=new,
        numbers=[_number_row(number, blank=False) for number in begun],
        started=started,
        started_numbers=[number.phone_number for number in begun],
        messages=messages,
        partition=context.partition,
        now=context.now,
    )
    require_all("save_decisions", len(begun), numbers)
    require_all("save_decisions", len(begun), operations)
    await _open_steps(session, begun, messages, context.now)


async def save_advances(
    session: Session,
    context: WriteContext,
    advanced: Sequence[Advanced],
    confirmed: Collection[int] = (),
) -> None:
    """Saves how operations advanced, and deletes the confirmed messages at these positions."""
    on_the_way = [item.decision for item in advanced if item.decision.outcome in ON_THE_WAY]
    await _save_on_the_way(session, context, on_the_way)
    ended = [item for item in advanced if item.decision.outcome in ENDS]
    changed = [item for item in ended if _has_changed_status(item)]
    messages = [row for item in advanced for row in _outbox_rows(item.decision)]
    await _release_unsent(session, ended, context.now)
    ((numbers, operations),) = await session.fetch(
        "save_advances",
        numbers=[
            _number_row(item.decision.number, blank=_is_blanked(item))
            for item in changed
            if item.decision.number
        ],
        ended=[_operation_end_row(item) for item in ended],
        ended_numbers=[item.before.phone_number for item in ended],
        confirmed=list(confirmed),
        messages=messages,
        partition=context.partition,
        now=context.now,
    )
    require_all("save_advances", len(changed), numbers)
    require_all("save_advances", len(ended), operations)
    await _change_memberships(session, ended)
    await open_manual_logouts(session, _required_logouts(ended), context.now)
    restored = [message for item in advanced for message in item.decision.ends_of_shortages]
    await mark_entitlements(session, restored)
    await _begin_following(session, context, ended, messages)


async def _save_on_the_way(
    session: Session, context: WriteContext, decisions: Sequence[Decision]
) -> None:
    numbers = [decision.number for decision in decisions if decision.number]
    retried = [step for decision in decisions for step in decision.retried]
    if retried:
        retried_ids = {step.step_id for step in retried}
        await write_steps(
            session, [step for step in _steps_of(numbers) if step.step_id in retried_ids]
        )
        await send_steps_again(session, context.partition, retried_ids, context.now)
    await change_operations(session, numbers)


async def _release_unsent(session: Session, ended: Sequence[Advanced], now: datetime) -> None:
    """Nothing asks for a step of these operations any more, and their status events stay."""
    operations = [(item, ongoing) for item in ended if (ongoing := item.before.ongoing)]
    repeating = [
        item.before.phone_number
        for item, ongoing in operations
        if any(step.attempt > 1 for step in ongoing.steps)
    ]
    if repeating:
        await session.change("withdraw_repeats", phone_numbers=repeating)
    unsent = [
        item.before.phone_number
        for item, ongoing in operations
        if item.decision.outcome is Outcome.FAILED or _may_be_unsent(ongoing)
    ]
    if unsent:
        await session.change("keep_status_events", phone_numbers=unsent, now=now)


async def _begin_following(
    session: Session,
    context: WriteContext,
    ended: Sequence[Advanced],
    messages: Sequence[OutboxRow],
) -> None:
    # After the end was saved: what follows an end is a new operation on the same number.
    following = [number for item in ended if (number := item.decision.number) and number.ongoing]
    if not following:
        return
    await session.change_each(
        "begin_operations",
        len(following),
        started=_operation_rows(following),
        started_numbers=[number.phone_number for number in following],
        partition=context.partition,
        now=context.now,
    )
    await _open_steps(session, following, messages, context.now)


async def _open_steps(
    session: Session, numbers: Iterable[Number], messages: Iterable[OutboxRow], now: datetime
) -> None:
    awaited: Mapping[str, OutboxRow] = {row.message_id: row for row in messages if row.awaited}
    if awaited:
        ongoing = [(item.phone_number, item.ongoing) for item in numbers if item.ongoing]
        await open_steps(session, ongoing, awaited, now)


async def _change_memberships(session: Session, ended: Sequence[Advanced]) -> None:
    joined = [
        (item.before.phone_number, hunt_group)
        for item in ended
        if item.decision.number
        for hunt_group in sorted({*item.decision.number.hunt_groups} - {*item.before.hunt_groups})
    ]
    if joined:
        numbers, groups = zip(*joined, strict=True)
        await session.change(
            "join_hunt_groups", phone_number=list(numbers), hunt_group_id=list(groups)
        )
    cleared = [
        item.before.phone_number
        for item in ended
        if _is_blanked(item) and _has_records(item.before)
    ]
    if cleared:
        await session.change("clear_numbers", phone_numbers=cleared)


def _required_logouts(ended: Iterable[Advanced]) -> list[RequiredLogout]:
    return [
        RequiredLogout(item.before.ongoing.command_source, message.data)
        for item in ended
        if item.before.logins and item.before.ongoing
        for message in item.decision.messages
        if isinstance(message, ManualLogoutRequired)
    ]


def _steps_of(numbers: Iterable[Number]) -> Iterable[PbxStep]:
    return (step for number in numbers if number.ongoing for step in number.ongoing.steps)


def _has_changed_status(item: Advanced) -> bool:
    return item.decision.number is not None and item.decision.number.status != item.before.status


def _is_blanked(item: Advanced) -> bool:
    ongoing, after = item.before.ongoing, item.decision.number
    return (
        _has_changed_status(item)
        and ongoing is not None
        and ongoing.operation is Operation.DEACTIVATE
        and after is not None
        and after.status is NumberStatus.RESERVED
    )


def _may_be_unsent(ongoing: OngoingOperation) -> bool:
    """Whether its PENDING may be unsent: an operator, or the settings, declared the steps done."""
    return ongoing.retry_round > 1 or any(step.sent_at is None for step in ongoing.steps)


def _has_records(number: Number) -> bool:
    return bool(number.hunt_groups or number.logins or number.has_call_settings)


def _command_row(command: Command, decision: Decision, answer: bytes) -> CommandRow:
    data = command.data
    return CommandRow(
        source=command.source,
        command_id=command.id,
        fingerprint=command.fingerprint,
        original=decision.refusal != "COMMAND_ID_REUSED",
        operation=operation_of(command).value,
        phone_number=data.phone_number,
        account_id=data.account_id,
        site_id=data.site_id,
        requested_by=data.requested_by,
        correlation_id=command.correlationid or command.id,
        outcome=decision.outcome.value,
        refusal=decision.refusal,
        detail=decision.detail,
        answer=answer,
    )


def _number_row(number: Number, *, blank: bool) -> NumberRow:
    return NumberRow(number.phone_number, number.status, number.sequence, blank)


def _operation_rows(numbers: Iterable[Number], lane: Lane = Lane.INTERACTIVE) -> list[OperationRow]:
    return [
        _operation_row(item.phone_number, item.ongoing, lane) for item in numbers if item.ongoing
    ]


def _operation_row(phone_number: str, ongoing: OngoingOperation, lane: Lane) -> OperationRow:
    return OperationRow(
        phone_number=phone_number,
        operation=ongoing.operation,
        command_source=ongoing.command_source,
        command_id=ongoing.command_id,
        fingerprint=ongoing.command_fingerprint,
        correlation_id=ongoing.correlation_id,
        requested_by=ongoing.requested_by,
        traceparent=ongoing.traceparent,
        tracestate=ongoing.tracestate,
        since=ongoing.since,
        at_risk_at=ongoing.at_risk_at,
        deadline=ongoing.deadline,
        aftermath=ongoing.aftermath,
        lane=lane,
    )


def _operation_end_row(item: Advanced) -> OperationEndRow:
    decision = item.decision
    had_ended = decision.outcome is Outcome.CLEANED_UP
    return OperationEndRow(
        phone_number=item.before.phone_number,
        outcome=None if had_ended else decision.outcome.value,
        failure=decision.failure.code if decision.failure else None,
        detail=decision.detail,
    )


def _rows_of(decided: Decided) -> list[OutboxRow]:
    """The messages of the decision, with the reply right behind the event of the same content."""
    rows = list(_outbox_rows(decided.decision, decided.lane))
    if decided.reply_to is not None:
        answer = decided.decision.first_answer or StoredAnswer(
            rows[0].message_id, rows[0].message_type, rows[0].body
        )
        rows.insert(1, _reply_row(decided, answer, decided.reply_to))
    return rows


def _reply_row(decided: Decided, answer: Answer, reply: ReplyTo) -> OutboxRow:
    return OutboxRow(
        subject=decided.command.data.phone_number,
        holds_operation=False,
        awaited=False,
        ordered=True,
        message_id=answer.id,
        message_type=answer.type,
        exchange="",
        routing_key=reply.queue,
        correlation_id=reply.correlation_id,
        must_be_routed=False,
        body=answer.encode(),
        lane=decided.lane,
    )


def _outbox_rows(decision: Decision, lane: Lane = Lane.INTERACTIVE) -> Iterable[OutboxRow]:
    is_begin = decision.outcome is Outcome.PENDING
    ordered = decision.outcome is not Outcome.NOTIFIED
    ongoing = decision.number.ongoing if decision.number else None
    awaited = {step.step_id for step in ongoing.steps} if ongoing else set()
    for message in decision.messages:
        # The last word on the aftermath of an earlier operation belongs to that one.
        holds = is_begin and not isinstance(message, OperationAftermath)
        is_awaited = message.id in awaited
        yield outbox_row(message, holds=holds, awaited=is_awaited, ordered=ordered, lane=lane)
