"""Loads the records that a batch of changes may read or change, locked."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from activation_contracts.records import (
    RECORD_CLASSES,
    CallSettingsRecord,
    PhoneNumberRecord,
    RecordKind,
    VoiceServiceRecord,
)
from activation_contracts.values import AccountKind, CallTarget, DeviceKind

from worker.core.cause import Cause
from worker.core.directory.change import Change, RecordId, WaitsFor
from worker.core.directory.held import Directory, HeldNumber, Waiting
from worker.core.situation import HandsetLogin, Holder, Number
from worker.storage.connecting.session import Row, Session
from worker.storage.entitlement import load_usages_locked
from worker.storage.loading import load_numbers_locked

__all__ = ["load_directory", "load_waiting", "record_key"]


async def load_directory(
    session: Session, changes: Sequence[Change], phone_numbers: Collection[str], now: datetime
) -> Directory:
    """Everything that these changes, and what waits for the numbers, may read or change.

    It locks the numbers first, then the accounts at their sites, each in key order. The relay has
    locked the accounts of its operations before it calls this: an account that only a waiting
    record names is then locked out of key order, and a deadlock is possible. PostgreSQL ends it,
    and the transaction is repeated.
    """
    numbers = {change.phone_number for change in changes if change.phone_number is not None}
    named = sorted({*numbers, *phone_numbers})
    locked = await load_numbers_locked(session, named)
    waiting = await load_waiting(session, named)
    every = [*changes, *(item.change for items in waiting.values() for item in items)]
    services = await _load_services(session, every)
    directory = Directory(
        numbers=await _load_records(session, locked),
        services=services,
        versions=await _load_versions(session, every),
        last_sequences=await _load_deleted(session, named),
        waiting=waiting,
    )
    await _load_holders(session, directory, every, now)
    return directory


async def load_waiting(
    session: Session, phone_numbers: Collection[str]
) -> dict[str, list[Waiting]]:
    """What waits for these numbers, in the order of arrival."""
    waiting = defaultdict(list)
    rows = await session.fetch("load_waiting_records", phone_numbers=list(phone_numbers))
    for row in rows:
        item = Waiting(_waiting_change(row), WaitsFor(row["waits_for"]), row["position"])
        waiting[row["phone_number"]].append(item)
    return dict(waiting)


def record_key(record: RecordId) -> str:
    """The key of a record as one text."""
    return json.dumps(record.key)


async def _load_records(session: Session, numbers: dict[str, Number]) -> dict[str, HeldNumber]:
    rows = await session.fetch("load_records_of_numbers", phone_numbers=sorted(numbers))
    return {row["phone_number"]: _held(numbers[row["phone_number"]], row) for row in rows}


async def _load_services(
    session: Session, changes: Iterable[Change]
) -> dict[str, VoiceServiceRecord]:
    ids = sorted(
        {item.record.key[0] for item in changes if item.record.KIND is RecordKind.VOICE_SERVICE}
    )
    if not ids:
        return {}
    rows = await session.fetch("load_services", service_ids=ids)
    return {row["service_id"]: _service(row) for row in rows}


async def _load_versions(session: Session, changes: Iterable[Change]) -> dict[RecordId, int]:
    # A record of an import has no version, and leaves the one that was applied as it is.
    records = sorted({change.id for change in changes if change.version is not None})
    if not records:
        return {}
    rows = await session.fetch(
        "load_versions",
        kinds=[record.kind for record in records],
        record_keys=[record_key(record) for record in records],
    )
    return {
        RecordId(RecordKind(row["kind"]), tuple(json.loads(row["record_key"]))): row["version"]
        for row in rows
    }


async def _load_deleted(session: Session, phone_numbers: Collection[str]) -> dict[str, int]:
    rows = await session.fetch("load_deleted_numbers", phone_numbers=list(phone_numbers))
    return {row["phone_number"]: row["sequence"] for row in rows}


async def _load_holders(
    session: Session, directory: Directory, changes: Sequence[Change], now: datetime
) -> None:
    """Locks and loads the accounts at sites whose services or numbers these changes may change.

    A login, a membership and call settings change neither: commands of the account need not wait.
    """
    records = (*(change.record for change in changes), *directory.services.values())
    numbers = (
        directory.numbers[change.phone_number].number
        for change in changes
        if change.record.KIND is RecordKind.PHONE_NUMBER
        and change.phone_number in directory.numbers
    )
    holders = sorted(
        {
            Holder(holder.account_id, holder.site_id)
            for holder in (*records, *numbers)
            if isinstance(holder, VoiceServiceRecord | PhoneNumberRecord | Number)
            and holder.account_id is not None
        }
    )
    if not holders:
        return
    named = {
        "account_ids": [holder.account_id for holder in holders],
        "site_ids": [holder.site_id for holder in holders],
    }
    await session.change("open_usages", **named)
    directory.usages.update(await load_usages_locked(session, holders, now))
    for row in await session.fetch("load_main_numbers", **named):
        holder = Holder(row["account_id"], row["site_id"])
        directory.main_numbers[holder] = row["phone_number"]


def _held(number: Number, row: Row) -> HeldNumber:
    logins = tuple(HandsetLogin(device, DeviceKind(kind)) for device, kind in row["logins"])
    complete = number._replace(
        hunt_groups=tuple(row["hunt_groups"]),
        logins=logins,
        has_call_settings=row["has_settings"],
    )
    return HeldNumber(
        complete, row["pin_is_default"], _settings(row) if row["has_settings"] else None
    )


def _settings(row: Row) -> CallSettingsRecord:
    # Validated when it was stored: `model_construct` does not read every field once more.
    return CallSettingsRecord.model_construct(
        phone_number=row["phone_number"],
        hunt_group_id=row["hunt_group_id"],
        in_hours=CallTarget(row["in_hours"]),
        out_of_hours=CallTarget(row["out_of_hours"]),
        unanswered=CallTarget(row["unanswered"]),
    )


def _service(row: Row) -> VoiceServiceRecord:
    fields = {**row, "account_kind": AccountKind(row["account_kind"])}
    return VoiceServiceRecord.model_construct(**fields)


def _waiting_change(row: Row) -> Change:
    classes = RECORD_CLASSES[RecordKind(row["kind"])]
    record_class = classes.key if row["deleted"] else classes.record
    return Change(
        record=record_class.model_validate_json(row["record"]),
        version=row["version"],
        cause=Cause(
            row["cause_source"],
            row["cause_id"],
            row["correlation_id"],
            row["traceparent"],
            row["tracestate"],
        ),
        deleted=row["deleted"],
    )
