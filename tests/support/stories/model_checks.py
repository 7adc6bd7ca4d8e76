"""Compares what the worker published and stored with the model of a building."""

from collections import Counter
from typing import Any

from tests.support.data.building import Building
from tests.support.data.inserts import (
    call_settings,
    handset_login,
    hunt_group_member,
    phone_numbers,
    voice_service,
)
from tests.support.faults.lossy import distinct_events
from tests.support.platform import Platform
from tests.support.workers import rows, store
from worker.storage.connecting.engine import Database

__all__ = ["PublishedMessages", "assert_database_matches", "store_building"]


async def store_building(database: Database, building: Building) -> None:
    """Stores the building as it is before the first command."""
    statements = [
        voice_service(limit, account, site_id=building.site_id)
        for account, limit in building.limits.items()
    ]
    for phone_number, number in building.numbers.items():
        statements += [
            phone_numbers(
                phone_number,
                site_id=building.site_id,
                account_id=number.account_id,
                status=number.status,
                main_number=number.main,
                assigned_to="Grace" if number.assigned else None,
            ),
            *(hunt_group_member(phone_number, group) for group in number.hunt_groups),
            *(handset_login(phone_number, *device) for device in number.devices.items()),
        ]
        if number.main:
            group = building.main_hunt_groups[str(number.account_id)]
            statements.append(
                call_settings(phone_number, hunt_group_id=group, out_of_hours="voicemail")
            )
    await store(database, *statements)


class PublishedMessages:
    """The messages that followed from the building's commands, without duplicates."""

    def __init__(self, platform: Platform, building: Building) -> None:
        self.events: Counter[tuple[str, str]] = Counter()
        self.pbx_messages: Counter[tuple[str, str, str]] = Counter()
        self.sequences: dict[str, list[int]] = {}
        received = [
            event
            for event in (*platform.events, *platform.pbx_messages)
            if event["data"].get("command_id") in {*building.contents, *building.stated}
        ]
        for event in distinct_events(received):
            self._count(event["type"].split(".")[2], event["data"])

    def _count(self, kind: str, data: dict[str, Any]) -> None:
        command = data["command_id"]
        if kind in {"membership", "logout", "reset"}:
            subject = data.get("hunt_group_id") or data.get("device_id") or ""
            self.pbx_messages[command, data.get("action", kind), subject] += 1
            return
        self.events[command, data.get("code") or data.get("status") or data["device_id"]] += 1
        if kind == "status_changed":
            self.sequences.setdefault(data["phone_number"], []).append(data["sequence"])

    def are_complete(self, building: Building) -> bool:
        """Whether every message that the model expects was published."""
        return self.events >= building.events and self.pbx_messages >= building.pbx_messages

    def assert_match(self, building: Building) -> None:
        """Asserts that they are the messages that the model expects, and no others."""
        assert self.events == building.events
        assert self.pbx_messages == building.pbx_messages
        assert self.sequences == {
            phone_number: list(range(1, last + 1))
            for phone_number, last in building.sequences.items()
        }


async def assert_database_matches(database: Database, building: Building) -> None:
    """Asserts that numbers, what belongs to them, usage and ledger are as the model says."""
    ours = f"phone_number LIKE '{building.prefix}%'"
    assert await rows(
        database,
        "SELECT phone_number, status, sequence, account_id, assigned_to IS NOT NULL, label"
        f" FROM phone_numbers WHERE {ours} ORDER BY 1",
    ) == [
        (
            phone_number,
            number.status,
            building.sequences[phone_number],
            *(number.account_id, number.assigned, number.label),
        )
        for phone_number, number in sorted(building.numbers.items())
    ]
    members = f"SELECT phone_number, hunt_group_id FROM hunt_group_members WHERE {ours}"
    assert {*await rows(database, members)} == {
        (phone_number, group)
        for phone_number, number in building.numbers.items()
        for group in number.hunt_groups
    }
    logins = f"SELECT phone_number, device_id FROM handset_logins WHERE {ours}"
    assert {*await rows(database, logins)} == {
        (phone_number, device)
        for phone_number, number in building.numbers.items()
        for device in number.devices
    }
    manual = f"SELECT command_id, device_id FROM manual_logouts WHERE {ours}"
    assert Counter(await rows(database, manual)) == Counter(
        {event: times for event, times in building.events.items() if not event[1].isupper()}
    )
    still_open = f"{ours} AND closed_at IS NULL"
    logouts = f"SELECT phone_number, device_id FROM manual_logouts WHERE {still_open}"
    assert {*await rows(database, logouts)} == building.open_logouts
    ours_too = f"record_key LIKE '%{building.prefix}%'"
    versions = f"SELECT kind, version FROM record_versions WHERE {ours_too}"
    assert Counter(await rows(database, versions)) == Counter(
        (kind, version)
        for (kind, _), version in building.versions.items()
        if kind != "voice_service"
    )
    waiting = f"SELECT kind, version FROM waiting_records WHERE {ours}"
    assert Counter(await rows(database, waiting)) == Counter(
        (said.kind, said.version) for items in building.waiting.values() for _, said in items
    )
    for account, limit in building.limits.items():
        used = building.used(account)
        usage = "SELECT active, pending, exceeded FROM entitlement_usage"
        found = await rows(database, f"{usage} WHERE account_id = '{account}'")
        assert found == [(used, 0, used > limit)]
    await _assert_ledger_matches(database, building)


async def _assert_ledger_matches(database: Database, building: Building) -> None:
    """Every content of every command was decided once, with the outcome that was published."""
    commands = ", ".join(map(repr, building.contents))
    found = await rows(
        database,
        f"SELECT command_id, outcome, refusal FROM commands WHERE command_id IN ({commands})",
    )
    outcomes = Counter((command, code or outcome) for command, outcome, code in found)
    assert outcomes == Counter(
        {
            (command, "completed" if word in {"ACTIVE", "RESERVED"} else word): times
            for (command, word), times in building.events.items()
            if command in building.contents and word.isupper() and word != "PENDING"
        }
    )
