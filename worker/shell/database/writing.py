"""From decisions to rows: set by set, one statement for each table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalogue import definition_of, routing_key_of
from contracts.messages import Command, PublishedMessage
from contracts.values import NumberStatus, Operation
from worker.core.batch import Concluded
from worker.core.decision import Decision, Outcome
from worker.core.identity import fingerprint
from worker.core.operation import OngoingOperation
from worker.core.speech import operation_of
from worker.shell.database.statements import statement
from worker.shell.database.steps import change_operations, open_steps

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Answer", "write_conclusions", "write_decisions"]

ENDS: Final = frozenset({Outcome.COMPLETED, Outcome.FAILED, Outcome.SETTLED})


@dataclass(frozen=True, slots=True)
class Answer:
    """Where the first answer to a command goes besides the events: its `reply_to`."""

    queue: str
    correlation_id: str


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """A message on its way out; the names are the table's columns."""

    phone_number: str
    holds_operation: bool
    awaited: bool
    ordered: bool
    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    correlation_id: str
    must_be_routed: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class LedgerRow:
    source: str
    command_id: str
    fingerprint: str
    original: bool
    operation: str
    phone_number: str
    account_id: str
    site_id: str
    requested_by: str | None
    correlation_id: str
    outcome: str
    refusal: str | None
    detail: str | None


async def write_decisions(
    connection: AsyncConnection,
    lane: int,
    decided: Sequence[tuple[Command, Decision, Answer | None]],
    now: datetime,
) -> None:
    """Stores the decisions on commands: ledger, numbers, operations and what must be said."""
    new = [item for item in decided if item[1].outcome is not Outcome.DUPLICATE]
    if not new:
        return
    await _write(connection, "write_ledger", [_ledger_row(*item[:2]) for item in new], now=now)
    begun = [decision for _, decision, _ in new if decision.number]
    await _write_numbers(connection, [(decision, False) for decision in begun])
    rows = [row for _, decision, answer in new for row in _outbox_rows(decision, answer)]
    await _begin_operations(connection, lane, begun, rows, now=now)
    await _write(connection, "write_outbox", rows, lane=lane, now=now)


async def write_conclusions(
    connection: AsyncConnection, lane: int, concluded: Sequence[Concluded], now: datetime
) -> None:
    """Stores how operations ended, and what was said of them on the way."""
    if not concluded:
        return
    await change_operations(
        connection,
        [item.decision.number for item in concluded if item.decision.outcome is Outcome.NOTICED],
    )
    ended = [item for item in concluded if item.decision.outcome in ENDS]
    await _write_numbers(
        connection, [(item.decision, _is_blanked(item)) for item in ended if _has_moved(item)]
    )
    await _end_operations(connection, ended, now)
    await _change_memberships(connection, ended)
    rows = [row for item in concluded for row in _outbox_rows(item.decision, None)]
    await _begin_operations(connection, lane, [item.decision for item in ended], rows, now=now)
    await _write(connection, "write_outbox", rows, lane=lane, now=now)


def _has_moved(item: Concluded) -> bool:
    return item.decision.number is not None and item.decision.number.status != item.before.status


def _is_blanked(item: Concluded) -> bool:
    ongoing, after = item.before.ongoing, item.decision.number
    return (
        _has_moved(item)
        and ongoing is not None
        and ongoing.operation is Operation.DEACTIVATE
        and after is not None
        and after.status is NumberStatus.RESERVED
    )


async def _write_numbers(
    connection: AsyncConnection, moved: Iterable[tuple[Decision, bool]]
) -> None:
    # One command can only follow another on the same number after a conclusion, so a number
    # stands here once.
    rows = [(decision.number, blank) for decision, blank in moved if decision.number]
    if rows:
        await connection.execute(
            statement("write_numbers"),
            {
                "phone_number": [number.phone_number for number, _ in rows],
                "status": [number.status.value for number, _ in rows],
                "sequence": [number.sequence for number, _ in rows],
                "blank": [blank for _, blank in rows],
            },
        )


async def _begin_operations(
    connection: AsyncConnection,
    lane: int,
    decisions: Iterable[Decision],
    outbox: Iterable[OutboxRow],
    *,
    now: datetime,
) -> None:
    ongoing = [
        (decision.number.phone_number, decision.number.ongoing)
        for decision in decisions
        if decision.number is not None and decision.number.ongoing is not None
    ]
    if not ongoing:
        return
    rows = [_operation_row(*item) for item in ongoing]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    await connection.execute(statement("begin_operations"), {**columns, "lane": lane, "now": now})
    messages = {row.message_id: asdict(row) for row in outbox if row.awaited}
    await open_steps(connection, ongoing, messages, now)


def _operation_row(phone_number: str, ongoing: OngoingOperation) -> dict[str, object]:
    return {
        "phone_number": phone_number,
        "operation": ongoing.operation,
        "command_source": ongoing.command_source,
        "command_id": ongoing.command_id,
        "fingerprint": ongoing.command_fingerprint,
        "correlation_id": ongoing.correlation_id,
        "requested_by": ongoing.requested_by,
        "traceparent": ongoing.traceparent,
        "tracestate": ongoing.tracestate,
        "since": ongoing.since,
        "at_risk_at": ongoing.at_risk_at,
        "deadline": ongoing.deadline,
    }


async def _end_operations(
    connection: AsyncConnection, ended: Sequence[Concluded], now: datetime
) -> None:
    if not ended:
        return
    decisions = [item.decision for item in ended]
    await connection.execute(
        statement("end_operations"),
        {
            "phone_number": [item.before.phone_number for item in ended],
            "outcome": [
                None if item.outcome is Outcome.SETTLED else item.outcome.value
                for item in decisions
            ],
            "failure": [item.failure.code.value if item.failure else None for item in decisions],
            "detail": [item.detail for item in decisions],
            "now": now,
        },
    )


async def _change_memberships(connection: AsyncConnection, ended: Sequence[Concluded]) -> None:
    joined = [
        (item.before.phone_number, hunt_group)
        for item in ended
        if item.decision.number
        for hunt_group in sorted({*item.decision.number.hunt_groups} - {*item.before.hunt_groups})
    ]
    if joined:
        numbers, groups = zip(*joined, strict=True)
        await connection.execute(
            statement("join_hunt_groups"),
            {"phone_number": list(numbers), "hunt_group_id": list(groups)},
        )
    cleared = [item.before.phone_number for item in ended if _is_blanked(item)]
    if cleared:
        await connection.execute(statement("clear_numbers"), {"phone_numbers": cleared})


def _ledger_row(command: Command, decision: Decision) -> LedgerRow:
    data = command.data
    return LedgerRow(
        source=command.source,
        command_id=command.id,
        fingerprint=fingerprint(command),
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


def _outbox_rows(decision: Decision, answer: Answer | None) -> Iterable[OutboxRow]:
    holds = decision.outcome is Outcome.PENDING
    ordered = decision.outcome is not Outcome.NOTICED
    ongoing = decision.number.ongoing if decision.number else None
    awaited = {step.operation_id for step in ongoing.steps} if ongoing else set()
    for place, message in enumerate(decision.messages):
        row = _outbox_row(message, holds=holds, awaited=message.id in awaited, ordered=ordered)
        yield row
        if place == 0 and answer is not None:
            yield OutboxRow(
                **{
                    **asdict(row),
                    "holds_operation": False,
                    "awaited": False,
                    "exchange": "",
                    "routing_key": answer.queue,
                    "correlation_id": answer.correlation_id,
                    "must_be_routed": False,
                }
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


async def _write(
    connection: AsyncConnection,
    name: str,
    rows: Sequence["DataclassInstance"],
    **shared: object,
) -> None:
    if not rows:
        return
    columns: Mapping[str, list[object]] = {
        column.name: [getattr(row, column.name) for row in rows] for column in fields(rows[0])
    }
    await connection.execute(statement(name), {**columns, **shared})
