"""A small model of the platform's records: what must be held after its last word on each."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from tests.campaign.planning.platform import (
    ALWAYS,
    KEYS,
    NUMBER_IN_USE,
    Fields,
    Statement,
)
from tests.campaign.planning.world import World, details_of, service_of, settings_of

CLEARED: Mapping[str, object] = {"label": None, "features": []}
"""What a deactivation leaves of these details."""
COMPARED = ("site_id", "account_id", "extension", "main_number", "assigned_to", *CLEARED)
BLANK = frozenset({"AVAILABLE", "COOLDOWN"})

Key = tuple[str, str]
"""A number, and its hunt group or device."""


@dataclass
class Held:
    """The records that the servers hold, each as it is stated."""

    numbers: Mapping[str, Fields] = field(default_factory=dict)
    services: Mapping[str, Fields] = field(default_factory=dict)
    settings: Mapping[str, Fields] = field(default_factory=dict)


class Records:
    """The records after these statements, of which some met a conflict.

    A statement that met a conflict may have been applied later, when it was repeated.
    """

    def __init__(
        self, world: World, statements: Iterable[Statement], conflicts: AbstractSet[str]
    ) -> None:
        numbers = [number for holder in world for number in holder.numbers]
        self.services = {str(service["service_id"]): service for service in map(service_of, world)}
        self.settings = {
            str(settings["phone_number"]): settings for settings in map(settings_of, world)
        }
        self.members = {
            (number.phone_number, group) for number in numbers for group in number.hunt_groups
        }
        self.logins = {
            (number.phone_number, device) for number in numbers for device, _ in number.devices
        }
        self.uncertain: set[str] = set()
        """Numbers that may have left their account, with what they had there."""
        self.ended: set[Key] = set()
        """The memberships and logins that the platform ended."""
        self._numbers: dict[str, Fields | None] = {
            number.phone_number: details_of(number) for number in numbers
        }
        self._refused: dict[str, list[Statement]] = defaultdict(list)
        self._versions: dict[tuple[str, ...], int] = {}
        for statement in statements:
            self._state(statement, is_refused=statement.id in conflicts)

    def differences(self, held: Held, blank: AbstractSet[str]) -> Iterable[str]:
        """How the held records differ; `blank` are the numbers that were ever deactivated."""
        yield from _differences("service", self.services, held.services)
        settings = {
            number: expected for number, expected in self.settings.items() if number not in blank
        }
        kept = {number: found for number, found in held.settings.items() if number not in blank}
        yield from _differences("call settings", settings, kept)
        for number in sorted(self._numbers.keys() | held.numbers.keys()):
            found, possible = held.numbers.get(number), self._possible(number)
            if not any(_agrees(found, stated, is_blank=number in blank) for stated in possible):
                yield f"{number} is held as {found}, stated as {possible}"

    def _possible(self, number: str) -> Sequence[Fields | None]:
        applied = self._versions.get(("phone_number", number), 0)
        refused = [item for item in self._refused[number] if item.version > applied]
        return [
            self._numbers.get(number),
            *(None if item.deleted else item.fields for item in refused),
        ]

    def _state(self, statement: Statement, *, is_refused: bool) -> None:
        record = (statement.kind, *statement.key)
        if statement.version <= self._versions.get(record, 0):
            return
        if is_refused and statement.conflict not in ALWAYS:
            self._refused[statement.subject].append(statement)
            if statement.conflict == NUMBER_IN_USE:
                self.uncertain.add(statement.subject)
        elif not is_refused:
            self._versions[record] = statement.version
            self._apply(statement)

    def _apply(self, statement: Statement) -> None:
        fields = None if statement.deleted else statement.fields
        match statement.kind:
            case "voice_service":
                _put(self.services, statement.subject, fields)
            case "call_settings":
                _put(self.settings, statement.subject, fields)
            case "phone_number":
                self._apply_number(statement.subject, fields)
            case _:
                self._apply_key(statement)

    def _apply_number(self, number: str, fields: Fields | None) -> None:
        before = self._numbers.get(number)
        self._numbers[number] = fields
        if _leaves(before, fields):
            self.members = {key for key in self.members if key[0] != number}
            self.logins = {key for key in self.logins if key[0] != number}

    def _apply_key(self, statement: Statement) -> None:
        keys, name = (
            (self.members, "hunt_group_id")
            if statement.kind == "hunt_group_member"
            else (self.logins, "device_id")
        )
        key = statement.subject, statement.key[KEYS[statement.kind].index(name)]
        if statement.deleted:
            keys.discard(key)
            self.ended.add(key)
        else:
            keys.add(key)


def _leaves(before: Fields | None, after: Fields | None) -> bool:
    if before is None:
        return False
    if after is None:
        return True
    had, has = before["account_id"], after["account_id"]
    return had is not None and (had != has or after.get("status") in BLANK)


def _put(records: dict[str, Fields], key: str, fields: Fields | None) -> None:
    if fields is None:
        records.pop(key, None)
    else:
        records[key] = fields


def _differences(
    name: str, expected: Mapping[str, Fields], held: Mapping[str, Fields]
) -> Iterable[str]:
    for key in sorted(expected.keys() | held.keys()):
        if _without_nulls(expected.get(key)) != _without_nulls(held.get(key)):
            yield f"{name} {key} is held as {held.get(key)}, stated as {expected.get(key)}"


def _without_nulls(fields: Fields | None) -> Fields | None:
    return fields and {name: value for name, value in fields.items() if value is not None}


def _agrees(held: Fields | None, stated: Fields | None, *, is_blank: bool) -> bool:
    if held is None or stated is None:
        return held is stated
    for name in COMPARED:
        expected, found = stated.get(name, CLEARED.get(name)), held[name]
        is_cleared = is_blank and name in CLEARED and found == CLEARED[name]
        if found != expected and not is_cleared:
            return False
    return True
