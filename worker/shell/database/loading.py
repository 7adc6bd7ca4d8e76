"""From rows to what is known: locks first, then one fresh look."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import date, datetime

from sqlalchemy import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.messages import Command
from contracts.values import CallTarget, DeviceKind, FailureCode, NumberStatus, Operation, Step
from worker.core.batch import CommandKey, Known
from worker.core.operation import Failure, OngoingOperation, PbxStep
from worker.core.situation import (
    AccountAtSite,
    HandsetLogin,
    MainNumber,
    Number,
    Usage,
)
from worker.shell.database.statements import statement
from worker.shell.database.steps import load_steps

__all__ = [
    "load_for_commands",
    "load_for_conclusion",
    "load_numbers_locked",
    "load_numbers_with_steps",
]


async def load_for_commands(
    connection: AsyncConnection, commands: Collection[Command], now: datetime
) -> Known:
    """What decisions on these commands may look at, locked until the transaction ends."""
    holders = {AccountAtSite(item.data.account_id, item.data.site_id) for item in commands}
    numbers = {item.data.phone_number for item in commands}
    await _lock(connection, holders, numbers)
    return Known(
        numbers=await _numbers(connection, numbers),
        usages=await _usages(connection, holders, now.date()),
        ledger=await _ledger(connection, commands),
    )


async def load_for_conclusion(
    connection: AsyncConnection,
    holders: Collection[AccountAtSite],
    phone_numbers: Collection[str],
    now: datetime,
) -> Known:
    """What the conclusion of operations may look at, locked until the transaction ends."""
    await _lock(connection, holders, phone_numbers)
    return Known(
        numbers=await load_numbers_with_steps(connection, phone_numbers),
        usages=await _usages(connection, holders, now.date()),
        main_numbers=await _main_numbers(connection, holders),
    )


async def load_numbers_locked(
    connection: AsyncConnection, phone_numbers: Collection[str]
) -> dict[str, Number]:
    """The numbers with their operations and steps, locked until the transaction ends."""
    await _lock(connection, (), phone_numbers)
    return await load_numbers_with_steps(connection, phone_numbers)


async def load_numbers_with_steps(
    connection: AsyncConnection, phone_numbers: Collection[str]
) -> dict[str, Number]:
    """The numbers with their operations and steps, as they are at this moment."""
    numbers = await _numbers(connection, phone_numbers)
    for phone_number, steps in (await load_steps(connection, phone_numbers)).items():
        number = numbers[phone_number]
        if number.ongoing is not None:
            numbers[phone_number] = replace(number, ongoing=_waiting(number.ongoing, steps))
    return numbers


def _waiting(ongoing: OngoingOperation, steps: tuple[PbxStep, ...]) -> OngoingOperation:
    if ongoing.operation is Operation.DEACTIVATE:
        # Its PENDING event, while that is unsent, asks nobody for anything.
        steps = tuple(step for step in steps if step.step is not Step.ACTIVATION)
    return replace(ongoing, steps=steps)


async def _lock(
    connection: AsyncConnection, holders: Iterable[AccountAtSite], phone_numbers: Iterable[str]
) -> None:
    await connection.execute(statement("lock_usage"), _pairs(holders))
    await connection.execute(statement("lock_numbers"), {"phone_numbers": sorted(phone_numbers)})


async def _numbers(connection: AsyncConnection, phone_numbers: Iterable[str]) -> dict[str, Number]:
    rows = await connection.execute(
        statement("load_numbers"), {"phone_numbers": sorted(phone_numbers)}
    )
    return {row["phone_number"]: _number(row) for row in rows.mappings()}


def _number(row: RowMapping) -> Number:
    return Number(
        phone_number=row["phone_number"],
        site_id=row["site_id"],
        account_id=row["account_id"],
        extension=row["extension"],
        status=NumberStatus(row["status"]),
        sequence=row["sequence"],
        main_number=row["main_number"],
        assigned_to=row["assigned_to"],
        label=row["label"],
        features=tuple(sorted(row["features"])),
        has_call_settings=row["has_call_settings"],
        hunt_groups=tuple(row["hunt_groups"]),
        logins=tuple(HandsetLogin(device, DeviceKind(kind)) for device, kind in row["logins"]),
        ongoing=_ongoing(row) if row["operation"] is not None else None,
    )


def _ongoing(row: RowMapping) -> OngoingOperation:
    return OngoingOperation(
        operation=Operation(row["operation"]),
        command_source=row["command_source"],
        command_id=row["command_id"],
        command_fingerprint=row["fingerprint"],
        correlation_id=row["correlation_id"],
        requested_by=row["requested_by"],
        traceparent=row["traceparent"],
        tracestate=row["tracestate"],
        since=row["since"],
        at_risk_at=row["at_risk_at"],
        deadline=row["deadline"],
        delayed=row["delayed"],
        failure=_failure(row),
        round=row["round"],
    )


def _failure(row: RowMapping) -> Failure | None:
    if row["failure_code"] is None:
        return None
    step = row["failure_step"]
    return Failure(
        FailureCode(row["failure_code"]),
        Step(step) if step is not None else None,
        row["failure_detail"],
        row["failure_pbx_code"],
    )


async def _usages(
    connection: AsyncConnection, holders: Iterable[AccountAtSite], today: date
) -> dict[AccountAtSite, Usage]:
    rows = await connection.execute(statement("load_usage"), {**_pairs(holders), "today": today})
    return {
        AccountAtSite(row.account_id, row.site_id): Usage(int(row.limit), row.active, row.pending)
        for row in rows
    }


async def _main_numbers(
    connection: AsyncConnection, holders: Iterable[AccountAtSite]
) -> dict[AccountAtSite, MainNumber]:
    rows = await connection.execute(statement("load_main_numbers"), _pairs(holders))
    return {
        AccountAtSite(row.account_id, row.site_id): MainNumber(
            row.phone_number,
            NumberStatus(row.status),
            row.hunt_group_id,
            frozenset(map(CallTarget, row.targets)),
        )
        for row in rows
    }


async def _ledger(
    connection: AsyncConnection, commands: Collection[Command]
) -> dict[CommandKey, frozenset[str]]:
    rows = await connection.execute(
        statement("load_ledger"),
        {
            "sources": [command.source for command in commands],
            "command_ids": [command.id for command in commands],
        },
    )
    ledger: dict[CommandKey, frozenset[str]] = {}
    for row in rows:
        key = CommandKey(row.source, row.command_id)
        ledger[key] = ledger.get(key, frozenset()) | {row.fingerprint}
    return ledger


def _pairs(holders: Iterable[AccountAtSite]) -> dict[str, list[str]]:
    ordered = sorted(holders)
    return {
        "account_ids": [holder.account_id for holder in ordered],
        "site_ids": [holder.site_id for holder in ordered],
    }
