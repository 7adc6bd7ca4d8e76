"""A model of a building's telephony, independent of the worker's code."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Content(NamedTuple):
    """The content of a command."""

    operation: str
    phone_number: str
    account_id: str
    site_id: str
    requested_by: str = "Ada"
    expired: bool = False


@dataclass
class Number:
    """The expected state of a phone number."""

    account_id: str | None
    status: str
    main: bool = False
    assigned: bool = False
    hunt_groups: set[str] = field(default_factory=set)
    devices: dict[str, str] = field(default_factory=dict)


@dataclass
class Building:
    """One site: applies commands, and holds the expected state, events and PBX messages."""

    site_id: str
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
        carry_out(command, self.numbers[content.phone_number])

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

    def activate(self, command: str, number: Number) -> None:
        number.status = "ACTIVE"
        self.events[command, "ACTIVE"] += 1
        group = self.main_hunt_groups.get(number.account_id or "")
        if group is not None and not number.main:
            number.hunt_groups.add(group)
            self.pbx_messages[command, "add", group] += 1

    def deactivate(self, command: str, number: Number) -> None:
        number.status = "RESERVED"
        self.events[command, "RESERVED"] += 1
        self.pbx_messages.update((command, "remove", group) for group in number.hunt_groups)
        for device, kind in number.devices.items():
            if kind == "digital":
                self.pbx_messages[command, "logout", device] += 1
            else:
                self.events[command, device] += 1
        self.pbx_messages[command, "reset", ""] += 1
        number.hunt_groups, number.devices = set(), {}
        if number.main and number.account_id:
            self.main_hunt_groups.pop(number.account_id, None)

    def depends_on_timing(self, command: str, content: Content) -> bool:
        """Whether the outcome may depend on how far the worker is with earlier commands."""
        number = self.numbers.get(content.phone_number)
        if number is None or not self.under_way or command in self.contents:
            return False
        frees_service = "deactivate" in self.under_way.values() and content.operation == "activate"
        mains = number.main or any(self.numbers[other].main for other in self.under_way)
        return content.phone_number in self.under_way or frees_service or mains
