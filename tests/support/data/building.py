"""A model of a building's telephony, independent of the worker's code."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

BLANK = frozenset({"AVAILABLE", "COOLDOWN"})
MOVES = frozenset(
    {
        ("AVAILABLE", "RESERVED"),
        ("RESERVED", "AVAILABLE"),
        ("AVAILABLE", "COOLDOWN"),
        ("RESERVED", "COOLDOWN"),
        ("COOLDOWN", "AVAILABLE"),
    }
)
"""The changes of status that belong to the platform."""


class Content(NamedTuple):
    """The content of a command."""

    operation: str
    phone_number: str
    account_id: str
    site_id: str
    requested_by: str = "Ada"
    expired: bool = False


class Said(NamedTuple):
    """The content of a directory message."""

    kind: str
    key: tuple[str, ...]
    version: int
    state: Mapping[str, Any] | None
    """None: the record is gone."""

    @property
    def record(self) -> tuple[str, tuple[str, ...]]:
        """The record that it is about."""
        return self.kind, self.key


@dataclass
class Number:
    """The expected state of a phone number."""

    account_id: str | None
    status: str
    main: bool = False
    assigned: bool = False
    label: str | None = None
    hunt_groups: set[str] = field(default_factory=set)
    devices: dict[str, str] = field(default_factory=dict)


@dataclass
class Building:
    """One site: applies commands, and holds the expected state, events and PBX messages."""

    site_id: str
    prefix: str
    """That of all its numbers."""
    limits: dict[str, int]
    numbers: dict[str, Number]
    main_hunt_groups: dict[str, str]
    """The hunt group of each account whose main number forwards calls to one."""
    contents: dict[str, set[Content]] = field(default_factory=dict)
    """The contents that came under each command id."""
    under_way: dict[str, str] = field(default_factory=dict)
    """The operation of each number since the worker was last idle."""
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Command, and status, code or device that needs a manual logout."""
    pbx_messages: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Command, action, and hunt group or device."""
    sequences: Counter[str] = field(default_factory=Counter)
    open_logouts: set[tuple[str, str]] = field(default_factory=set)
    """Number and device of each manual logout that is still to be done."""
    stated: set[str] = field(default_factory=set)
    """The ids of the directory messages."""
    versions: dict[tuple[str, tuple[str, ...]], int] = field(default_factory=dict)
    """The version of each record that was applied last."""
    deleted: set[str] = field(default_factory=set)
    """The numbers that were deleted: they keep their sequence."""
    waiting: dict[str, list[tuple[str, Said]]] = field(default_factory=dict)
    """What was said of each number that is not provisioned yet."""

    def apply(self, command: str, content: Content) -> None:
        """Applies one command to its end."""
        identity = content._replace(expired=False)
        earlier = self.contents.setdefault(command, set())
        if identity in earlier:
            return
        code = "COMMAND_ID_REUSED" if earlier else self.refusal(content)
        earlier.add(identity)
        if code is not None:
            self.events[command, code] += 1
            return
        self.under_way[content.phone_number] = content.operation
        self.sequences[content.phone_number] += 2
        self.events[command, "PENDING"] += 1
        carry_out = self.activate if content.operation == "activate" else self.deactivate
        carry_out(command, content.phone_number)

    def refusal(self, content: Content) -> str | None:
        """The code of the refusal; None if the command is accepted."""
        number = self.numbers.get(content.phone_number)
        if content.expired:
            return "COMMAND_EXPIRED"
        if number is None:
            return "NUMBER_UNKNOWN"
        if content.site_id != self.site_id:
            return "SITE_MISMATCH"
        if content.account_id != number.account_id:
            return "ACCOUNT_MISMATCH" if number.account_id else "NUMBER_NOT_ALLOCATED"
        return self.refusal_of_state(content, number)

    def refusal_of_state(self, content: Content, number: Number) -> str | None:
        """The code of a refusal that depends on status, assignment or entitlement."""
        if content.operation == "deactivate":
            if number.status != "ACTIVE":
                return "NUMBER_NOT_ACTIVE"
            return "NUMBER_ASSIGNED" if number.assigned else None
        if number.status != "RESERVED":
            return "NUMBER_NOT_RESERVED"
        exhausted = self.used(content.account_id) >= self.limits[content.account_id]
        return "ENTITLEMENT_EXHAUSTED" if exhausted else None

    def used(self, account_id: str) -> int:
        """The number of voice services that the account uses."""
        held = [number for number in self.numbers.values() if number.account_id == account_id]
        return sum(number.status == "ACTIVE" for number in held)

    def activate(self, command: str, phone_number: str) -> None:
        number = self.numbers[phone_number]
        number.status = "ACTIVE"
        self.events[command, "ACTIVE"] += 1
        group = self.main_hunt_groups.get(number.account_id or "")
        if group is not None and not number.main:
            number.hunt_groups.add(group)
            self.pbx_messages[command, "add", group] += 1

    def deactivate(self, command: str, phone_number: str) -> None:
        number = self.numbers[phone_number]
        number.status = "RESERVED"
        self.events[command, "RESERVED"] += 1
        self.pbx_messages.update((command, "remove", group) for group in number.hunt_groups)
        for device, kind in number.devices.items():
            if kind == "digital":
                self.pbx_messages[command, "logout", device] += 1
            else:
                self.events[command, device] += 1
                self.open_logouts.add((phone_number, device))
        self.pbx_messages[command, "reset", ""] += 1
        number.hunt_groups, number.devices, number.label = set(), {}, None
        if number.main and number.account_id:
            self.main_hunt_groups.pop(number.account_id, None)

    def state(self, message: str, said: Said) -> None:
        """Applies one directory message, at a moment when no operation is under way."""
        self.stated.add(message)
        waiting = [item for items in self.waiting.values() for _, item in items]
        known = [item.version for item in waiting if item.record == said.record]
        if said.version > max(known, default=-1):
            self.apply_if_newer(message, said)

    def apply_if_newer(self, message: str, said: Said) -> None:
        if said.version > self.versions.get(said.record, -1):
            self.apply_record(message, said)

    def apply_record(self, message: str, said: Said) -> None:
        conflict = None
        if said.kind == "voice_service":
            account = said.key[0].removeprefix("service-")
            self.limits[account] = said.state["quantity"] if said.state else 0
        elif said.kind == "phone_number":
            conflict = self.state_number(message, said.key[0], said.state)
        elif said.key[1] in self.numbers or said.state is None:
            self.state_belonging(said)
        else:
            self.waiting.setdefault(said.key[1], []).append((message, said))
            return
        if conflict is None:
            self.versions[said.record] = said.version
        else:
            self.events[message, conflict] += 1

    def state_belonging(self, said: Said) -> None:
        """A membership or a login: the key is the group or the device, and the number."""
        name, phone_number = said.key
        number = self.numbers.get(phone_number, Number(None, ""))
        if said.kind == "hunt_group_member":
            (number.hunt_groups.discard if said.state is None else number.hunt_groups.add)(name)
        elif said.state is not None:
            number.devices[name] = said.state["device_kind"]
        else:
            number.devices.pop(name, None)
            self.open_logouts.discard((phone_number, name))

    def state_number(
        self, message: str, phone_number: str, state: Mapping[str, Any] | None
    ) -> str | None:
        """Applies what is said of a number; the code of the conflict if it cannot be."""
        before = self.numbers.get(phone_number)
        if before is None and state is None:
            return None
        held = before or Number(None, "AVAILABLE")
        status = status_after(held, state)
        conflict = conflict_of(held, status, state) if before else None
        if conflict is not None:
            return conflict
        if status != held.status and (before is not None or phone_number in self.deleted):
            self.sequences[phone_number] += 1
            self.events[message, status] += 1
        if state is None:
            del self.numbers[phone_number]
            self.deleted.add(phone_number)
        else:
            self.put_number(phone_number, held, status, state)
        return None

    def put_number(
        self, phone_number: str, held: Number, status: str, state: Mapping[str, Any]
    ) -> None:
        account = state["account_id"]
        moves = account != held.account_id or (status in BLANK and held.status not in BLANK)
        number = Number(account, status) if moves and held.account_id else held
        number.account_id, number.status, number.label = account, status, state["label"]
        number.assigned = state["assigned_to"] is not None
        self.numbers[phone_number] = number
        for item in self.waiting.pop(phone_number, []):
            self.apply_if_newer(*item)

    def depends_on_timing(self, command: str, content: Content) -> bool:
        """Whether the outcome may depend on how far the worker is with earlier commands."""
        number = self.numbers.get(content.phone_number)
        if number is None or not self.under_way or command in self.contents:
            return False
        frees_service = "deactivate" in self.under_way.values() and content.operation == "activate"
        mains = number.main or any(self.numbers[other].main for other in self.under_way)
        return content.phone_number in self.under_way or frees_service or mains


def status_after(held: Number, state: Mapping[str, Any] | None) -> str:
    """The status that the platform gives a number, or means."""
    if state is None:
        return "AVAILABLE"
    account, given = state["account_id"], state.get("status")
    if held.status == "ACTIVE" and given == "RESERVED":
        return "ACTIVE"
    if given is not None:
        return str(given)
    implied = {("AVAILABLE", True): "RESERVED", ("RESERVED", False): "AVAILABLE"}
    return implied.get((held.status, account is not None), held.status)


def conflict_of(held: Number, status: str, state: Mapping[str, Any] | None) -> str | None:
    """The code of the conflict if the platform cannot make this change."""
    if held.status == "ACTIVE":
        stays = state and (status, state["account_id"]) == ("ACTIVE", held.account_id)
        return None if stays else "NUMBER_IN_USE"
    is_move = state is None or status == held.status or (held.status, status) in MOVES
    return None if is_move else "STATUS_NOT_ALLOWED"
