"""From decisions to rows: set by set, one statement for each table."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING

from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.catalogue import definition_of, routing_key_of
from contracts.messages import Command, PublishedMessage
from worker.core.decision import Decision, Outcome
from worker.core.identity import fingerprint
from worker.core.situation import Number
from worker.core.speech import operation_of
from worker.shell.database.statements import statement

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Answer", "OutboxRow", "write_completions", "write_decisions"]


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
    decided: Sequence[tuple[Command, Decision, Answer | None]],
    now: datetime,
) -> None:
    """Stores the decisions on commands: ledger, numbers, operations and what must be said."""
    new = [item for item in decided if item[1].outcome is not Outcome.DUPLICATE]
    if not new:
        return
    await _write(connection, "write_ledger", [_ledger_row(*item[:2]) for item in new], now=now)
    begun = [(command, decision.number) for command, decision, _ in new if decision.number]
    await _write_numbers(connection, [number for _, number in begun])
    await _begin_operations(connection, begun)
    rows = [row for _, decision, answer in new for row in _outbox_rows(decision, answer)]
    await _write(connection, "write_outbox", rows, now=now)


async def write_completions(
    connection: AsyncConnection,
    completed: Sequence[tuple[Number, Decision]],
    now: datetime,
) -> None:
    """Stores how operations ended; each decision comes with the number as it was before."""
    if not completed:
        return
    after = [decision.number for _, decision in completed if decision.number]
    await _write_numbers(connection, after)
    await connection.execute(
        statement("end_operations"),
        {"phone_numbers": [number.phone_number for number in after], "now": now},
    )
    await _change_memberships(connection, completed)
    rows = [row for _, decision in completed for row in _outbox_rows(decision, None)]
    await _write(connection, "write_outbox", rows, now=now)


async def _write_numbers(connection: AsyncConnection, numbers: Sequence[Number]) -> None:
    # One command can only follow another on the same number after a completion, so a number
    # stands here once.
    if numbers:
        await connection.execute(
            statement("write_numbers"),
            {
                "phone_number": [number.phone_number for number in numbers],
                "status": [number.status.value for number in numbers],
                "sequence": [number.sequence for number in numbers],
                "blank": [_is_blank(number) for number in numbers],
            },
        )


def _is_blank(number: Number) -> bool:
    return number.status == "RESERVED"


async def _begin_operations(
    connection: AsyncConnection, begun: Sequence[tuple[Command, Number]]
) -> None:
    rows = [
        {
            "phone_number": number.phone_number,
            "fingerprint": fingerprint(command),
            **asdict(number.pending),
        }
        for command, number in begun
        if number.pending is not None
    ]
    if rows:
        await connection.execute(
            statement("begin_operations"), {name: [row[name] for row in rows] for name in rows[0]}
        )


async def _change_memberships(
    connection: AsyncConnection, completed: Sequence[tuple[Number, Decision]]
) -> None:
    joined = [
        (before.phone_number, hunt_group)
        for before, decision in completed
        if decision.number
        for hunt_group in sorted({*decision.number.hunt_groups} - {*before.hunt_groups})
    ]
    if joined:
        numbers, groups = zip(*joined, strict=True)
        await connection.execute(
            statement("join_hunt_groups"),
            {"phone_number": list(numbers), "hunt_group_id": list(groups)},
        )
    cleared = [
        before.phone_number
        for before, decision in completed
        if decision.number is not None and _is_blank(decision.number)
    ]
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
    for place, message in enumerate(decision.messages):
        row = _outbox_row(message, holds=holds)
        yield row
        if place == 0 and answer is not None:
            yield OutboxRow(
                **{
                    **asdict(row),
                    "holds_operation": False,
                    "exchange": "",
                    "routing_key": answer.queue,
                    "correlation_id": answer.correlation_id,
                    "must_be_routed": False,
                }
            )


def _outbox_row(message: PublishedMessage, *, holds: bool) -> OutboxRow:
    definition = definition_of(type(message))
    return OutboxRow(
        phone_number=message.subject,
        holds_operation=holds,
        message_id=message.id,
        message_type=message.type,
        exchange=definition.exchange,
        routing_key=routing_key_of(message),
        correlation_id=message.correlationid,
        must_be_routed=definition.must_be_routed,
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
