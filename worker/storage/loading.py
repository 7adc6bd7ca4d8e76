"""Loads snapshots: the rows that decisions may read, locked."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from activation_contracts.messages import HOLDERS_MAXIMUM, Command, ServiceHolder
from activation_contracts.values import (
    AftermathKind,
    CallTarget,
    DeviceKind,
    FailureCode,
    NumberStatus,
    Operation,
    Step,
)

from worker.core.answers import StoredAnswer
from worker.core.batch import CommandKey, Snapshot, holder_named_by, may_be_exhausted
from worker.core.operations.operation import Failure, OngoingOperation, steps_for
from worker.core.situation import (
    HandsetLogin,
    Holder,
    MainNumber,
    Number,
    ServiceHolders,
)
from worker.storage.connecting.session import Row, Session
from worker.storage.entitlement import usage_of
from worker.storage.operations import load_steps

__all__ = [
    "load_for_advance",
    "load_for_commands",
    "load_numbers_locked",
    "load_numbers_with_steps",
    "lock_numbers",
]


async def load_for_commands(
    session: Session, commands: Sequence[Command], now: datetime
) -> Snapshot:
    """Everything that decisions on these commands may read, locked until the transaction ends.

    Main numbers and the numbers that hold voice services are looked up where a preview or a refusal
    may need them. They are not locked, but no number changes its status while the usage of its
    account is.
    """
    holders = {holder_named_by(command) for command in commands}
    rows = await session.fetch(
        "load_for_commands",
        sources=[command.source for command in commands],
        command_ids=[command.id for command in commands],
        # Without duplicates: the function compares how many it finds with how many it is given.
        phone_numbers=list({command.data.phone_number for command in commands}),
        **_keys(holders),
        today=now.date(),
    )
    snapshot = Snapshot()
    for row in rows:
        if row["phone_number"] is not None:
            snapshot.numbers[row["phone_number"]] = _number(row)
        elif row["holder_account"] is not None:
            snapshot.usages[_holder(row)] = usage_of(row)
        else:
            key = CommandKey(row["ledger_source"], row["ledger_id"])
            answer = {row["ledger_fingerprint"]: _answer(row["ledger_answer"])}
            snapshot.ledger[key] = {**snapshot.ledger.get(key, {}), **answer}
    previewed = {holder_named_by(command) for command in commands if command.data.preview}
    snapshot.main_numbers.update(await _load_main_numbers(session, previewed))
    exhausted = may_be_exhausted(snapshot, commands)
    snapshot.service_holders.update(await _load_service_holders(session, exhausted))
    return snapshot


async def load_for_advance(
    session: Session, phone_numbers: Sequence[str], confirmed: Collection[int], now: datetime
) -> Snapshot:
    """Everything that decisions on these operations may read, locked until the transaction ends.

    The outbox messages at the positions `confirmed` count as sent.
    """
    rows = await session.fetch(
        "load_for_advance",
        phone_numbers=phone_numbers,
        confirmed=list(confirmed),
        today=now.date(),
    )
    snapshot = Snapshot()
    for row in rows:
        if row["phone_number"] is not None:
            snapshot.numbers[row["phone_number"]] = _number(row)
            continue
        holder = _holder(row)
        snapshot.usages[holder] = usage_of(row)
        if row["main_phone_number"] is not None:
            snapshot.main_numbers[holder] = _main_number(row)
    with_steps = [row["phone_number"] for row in rows if row["has_steps"]]
    await _add_steps(session, snapshot.numbers, with_steps, confirmed)
    return snapshot


async def load_numbers_locked(
    session: Session, phone_numbers: Collection[str]
) -> dict[str, Number]:
    """The numbers with their operations and steps, locked until the transaction ends."""
    await lock_numbers(session, phone_numbers)
    return await load_numbers_with_steps(session, phone_numbers)


async def lock_numbers(session: Session, phone_numbers: Collection[str]) -> None:
    """Locks the numbers in key order until the transaction ends."""
    await session.fetch("lock_numbers", phone_numbers=sorted(phone_numbers))


async def load_numbers_with_steps(
    session: Session, phone_numbers: Collection[str]
) -> dict[str, Number]:
    """The numbers with their operations and steps, without a lock."""
    rows = await session.fetch("load_numbers", phone_numbers=sorted(phone_numbers))
    numbers = {row["phone_number"]: _number(row) for row in rows}
    await _add_steps(session, numbers, numbers, ())
    return numbers


async def _load_main_numbers(
    session: Session, holders: Collection[Holder]
) -> dict[Holder, MainNumber]:
    if not holders:
        return {}
    rows = await session.fetch("load_call_targets", **_keys(holders))
    return {_holder(row): _main_number(row) for row in rows}


async def _load_service_holders(
    session: Session, holders: Collection[Holder]
) -> dict[Holder, ServiceHolders]:
    """The first numbers that use voice services, for all of these accounts in one query."""
    if not holders:
        return {}
    rows = await session.fetch("load_service_holders", maximum=HOLDERS_MAXIMUM, **_keys(holders))
    found: dict[Holder, ServiceHolders] = dict.fromkeys(holders, ())
    for row in rows:
        using = ServiceHolder(phone_number=row["phone_number"], status=NumberStatus(row["status"]))
        found[_holder(row)] += (using,)
    return found


def _keys(holders: Collection[Holder]) -> Mapping[str, list[str]]:
    return {
        "account_ids": [holder.account_id for holder in holders],
        "site_ids": [holder.site_id for holder in holders],
    }


async def _add_steps(
    session: Session,
    numbers: dict[str, Number],
    with_steps: Collection[str],
    confirmed: Collection[int],
) -> None:
    if not with_steps:
        return
    for phone_number, steps in (await load_steps(session, with_steps, confirmed)).items():
        number = numbers[phone_number]
        if number.ongoing is not None:
            ongoing = number.ongoing._replace(steps=steps_for(number.ongoing.operation, steps))
            numbers[phone_number] = number._replace(ongoing=ongoing)


def _number(row: Row) -> Number:
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
        has_waiting_records=row["has_waiting_records"],
    )


def _answer(body: bytes) -> StoredAnswer:
    event = json.loads(body)
    return StoredAnswer(event["id"], event["type"], body)


def _ongoing(row: Row) -> OngoingOperation:
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
        aftermath=AftermathKind(row["aftermath"]) if row["aftermath"] is not None else None,
        delayed=row["delayed"],
        failure=_failure(row),
        retry_round=row["retry_round"],
    )


def _failure(row: Row) -> Failure | None:
    if row["failure_code"] is None:
        return None
    step = row["failure_step"]
    return Failure(
        FailureCode(row["failure_code"]),
        Step(step) if step is not None else None,
        row["failure_detail"],
        row["failure_pbx_code"],
    )


def _holder(row: Row) -> Holder:
    return Holder(row["holder_account"], row["holder_site"])


def _main_number(row: Row) -> MainNumber:
    return MainNumber(
        row["main_phone_number"],
        NumberStatus(row["main_status"]),
        row["main_hunt_group_id"],
        frozenset(map(CallTarget, row["main_targets"])),
    )
