"""From decisions to rows: set by set, one statement for each table."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from contracts.catalogue import definition_of, routing_key_of
from contracts.messages import Command, PublishedMessage
from contracts.values import NumberStatus, Operation
from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.operation import operation_of
from worker.core.situation import Number
from worker.storage.loading import Places
from worker.storage.outbox import OutgoingMessage
from worker.storage.rows import (
    CommandRow,
    NumberRow,
    OperationEndRow,
    OperationRow,
    OutboxRow,
)
from worker.storage.session import Row, Session
from worker.storage.statements import together
from worker.storage.steps import change_operations, open_steps

__all__ = [
    "CONCLUSIONS",
    "DECISIONS",
    "ReplyTo",
    "WriteContext",
    "write_conclusions",
    "write_decisions",
]

DECISIONS: Final = (
    *("write_ledger", "write_numbers", "supersede_steps"),
    *("begin_operations", "write_outbox"),
)
"""What decisions change, one statement for each table."""
CONCLUSIONS: Final = (
    *("write_numbers", "end_steps", "note_outcomes"),
    *("end_operations", "write_outbox"),
)
"""What the ends of operations change."""
ENDS: Final = frozenset({Outcome.COMPLETED, Outcome.FAILED, Outcome.CLEANED_UP})


class WriteContext(NamedTuple):
    """What is the same for all that one transaction writes."""

    lane: int
    places: Places
    """Of the numbers that it has locked."""
    now: datetime


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """Where the first answer to a command goes besides the events: its `reply_to`."""

    queue: str
    correlation_id: str


async def write_decisions(
    session: Session,
    basis: WriteContext,
    decided: Sequence[tuple[Command, Decision, ReplyTo | None]],
) -> list[OutgoingMessage]:
    """Stores the decisions on commands: ledger, numbers, operations and what must be said.

    Returns the last.
    """
    new = [item for item in decided if item[1].outcome is not Outcome.DUPLICATE]
    if not new:
        return []
    begun = [decision.number for _, decision, _ in new if decision.number]
    rows = [row for _, decision, answer in new for row in _outbox_rows(decision, answer)]
    positions = await session.fetch(
        together(*DECISIONS),
        decided=[_decided_command(*item[:2]) for item in new],
        moved=_moved(basis.places, ((number, False) for number in begun)),
        begun=_begun(begun),
        begun_numbers=[number.phone_number for number in begun],
        said=rows,
        lane=basis.lane,
        now=basis.now,
    )
    await _open_steps(session, begun, rows, basis.now)
    return _outgoing(rows, positions, basis.now)


async def write_conclusions(
    session: Session, basis: WriteContext, concluded: Sequence[Advanced]
) -> list[OutgoingMessage]:
    """Stores how operations ended, and what is said of them on the way; returns the last."""
    if not concluded:
        return []
    await change_operations(
        session,
        [item.decision.number for item in concluded if item.decision.outcome is Outcome.NOTIFIED],
    )
    ended = [item for item in concluded if item.decision.outcome in ENDS]
    rows = [row for item in concluded for row in _outbox_rows(item.decision, None)]
    positions = await session.fetch(
        together(*CONCLUSIONS),
        moved=_moved(
            basis.places,
            ((item.decision.number, _is_blanked(item)) for item in ended if _has_moved(item)),
        ),
        ended=[_ended_operation(item) for item in ended],
        ended_numbers=[item.before.phone_number for item in ended],
        said=rows,
        lane=basis.lane,
        now=basis.now,
    )
    await _change_memberships(session, ended)
    # After their end: what follows an end is a new operation on the same number.
    following = [number for item in ended if (number := item.decision.number) and number.ongoing]
    if following:
        await session.change(
            together("supersede_steps", "begin_operations"),
            begun=_begun(following),
            begun_numbers=[number.phone_number for number in following],
            lane=basis.lane,
            now=basis.now,
        )
        await _open_steps(session, following, rows, basis.now)
    return _outgoing(rows, positions, basis.now)


def _has_moved(item: Advanced) -> bool:
    return item.decision.number is not None and item.decision.number.status != item.before.status


def _is_blanked(item: Advanced) -> bool:
    ongoing, after = item.before.ongoing, item.decision.number
    return (
        _has_moved(item)
        and ongoing is not None
        and ongoing.operation is Operation.DEACTIVATE
        and after is not None
        and after.status is NumberStatus.RESERVED
    )


def _moved(places: Places, numbers: Iterable[tuple[Number | None, bool]]) -> list[NumberRow]:
    # One command can only follow another on the same number after a conclusion, so a number
    # stands here once.
    return [
        NumberRow(places[number.phone_number], number.status, number.sequence, blank)
        for number, blank in numbers
        if number is not None
    ]


def _begun(numbers: Iterable[Number]) -> list[OperationRow]:
    return [
        OperationRow(
            phone_number=number.phone_number,
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
        )
        for number in numbers
        if (ongoing := number.ongoing) is not None
    ]


async def _open_steps(
    session: Session, numbers: Iterable[Number], outbox: Iterable[OutboxRow], now: datetime
) -> None:
    messages = {row.message_id: row._asdict() for row in outbox if row.awaited}
    if messages:
        ongoing = [(item.phone_number, item.ongoing) for item in numbers if item.ongoing]
        await open_steps(session, ongoing, messages, now)


def _ended_operation(item: Advanced) -> OperationEndRow:
    decision = item.decision
    settled = decision.outcome is Outcome.CLEANED_UP
    return OperationEndRow(
        phone_number=item.before.phone_number,
        outcome=None if settled else decision.outcome.value,
        failure=decision.failure.code if decision.failure else None,
        detail=decision.detail,
    )


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


def _has_records(number: Number) -> bool:
    return bool(number.hunt_groups or number.logins or number.has_call_settings)


def _decided_command(command: Command, decision: Decision) -> CommandRow:
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
    )


def _outbox_rows(decision: Decision, answer: ReplyTo | None) -> Iterable[OutboxRow]:
    holds = decision.outcome is Outcome.PENDING
    ordered = decision.outcome is not Outcome.NOTIFIED
    ongoing = decision.number.ongoing if decision.number else None
    awaited = {step.step_id for step in ongoing.steps} if ongoing else set()
    for place, message in enumerate(decision.messages):
        row = _outbox_row(message, holds=holds, awaited=message.id in awaited, ordered=ordered)
        yield row
        if place == 0 and answer is not None:
            yield row._replace(
                holds_operation=False,
                awaited=False,
                exchange="",
                routing_key=answer.queue,
                correlation_id=answer.correlation_id,
                must_be_routed=False,
            )


def _outbox_row(
    message: PublishedMessage, *, holds: bool, awaited: bool, ordered: bool
) -> OutboxRow:
    definition = definition_of(type(message))
    return OutboxRow(
        phone_number=message.subject,
        holds_operation=holds,
        awaited=awaited,
        ordered=ordered,
        message_id=message.id,
        message_type=message.type,
        exchange=definition.exchange,
        routing_key=routing_key_of(message),
        correlation_id=message.correlationid,
        # Nobody can answer what nobody heard.
        must_be_routed=definition.must_be_routed or awaited,
        body=message.encode(),
    )


def _outgoing(
    rows: Sequence[OutboxRow], positions: Sequence[Row], now: datetime
) -> list[OutgoingMessage]:
    return [
        OutgoingMessage(
            position=stored["position"], decided_at=now, queued_at=now, attempts=0, **row._asdict()
        )
        for row, stored in zip(rows, positions, strict=True)
    ]
