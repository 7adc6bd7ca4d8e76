"""What a building's telephony should be: the domain in a few lines that share no code with it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple


class Wish(NamedTuple):
    """What a command asks for."""

    operation: str
    phone_number: str
    account_id: str
    site_id: str
    requested_by: str = "Ada"
    expired: bool = False


@dataclass
class Number:
    """A phone number, and where it rings."""

    account_id: str | None
    status: str
    main: bool = False
    assigned: bool = False
    hunt_groups: set[str] = field(default_factory=set)
    devices: dict[str, str] = field(default_factory=dict)


@dataclass
class Building:
    """One site: commands in, and what should then be true, be said and be asked of the PBX."""

    site_id: str
    limits: dict[str, int]
    numbers: dict[str, Number]
    ringing: dict[str, str]
    """The hunt group of each account whose main number rings one."""
    seen: dict[str, set[Wish]] = field(default_factory=dict)
    under_way: dict[str, str] = field(default_factory=dict)
    """Since the last rest: each number with what is done to it."""
    said: Counter[tuple[str, str]] = field(default_factory=Counter)
    asked: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    sequences: Counter[str] = field(default_factory=Counter)

    def take(self, command: str, wish: Wish) -> None:
        """Follows one command to its end."""
        content = wish._replace(expired=False)
        earlier = self.seen.setdefault(command, set())
        if content in earlier:
            return
        code = "COMMAND_ID_REUSED" if earlier else self.refusal(wish)
        earlier.add(content)
        if code is not None:
            self.said[command, code] += 1
            return
        self.under_way[wish.phone_number] = wish.operation
        self.sequences[wish.phone_number] += 2
        self.said[command, "PENDING"] += 1
        carry_out = self.activate if wish.operation == "activate" else self.deactivate
        carry_out(command, self.numbers[wish.phone_number])

    def refusal(self, wish: Wish) -> str | None:
        """The first reason against it."""
        number = self.numbers.get(wish.phone_number)
        if wish.expired:
            return "COMMAND_EXPIRED"
        if number is None:
            return "NUMBER_UNKNOWN"
        if wish.site_id != self.site_id:
            return "SITE_MISMATCH"
        if wish.account_id != number.account_id:
            return "ACCOUNT_MISMATCH" if number.account_id else "NUMBER_NOT_ALLOCATED"
        return self.refusal_of_state(wish, number)

    def refusal_of_state(self, wish: Wish, number: Number) -> str | None:
        """The first reason that lies in how things are now."""
        if wish.operation == "deactivate":
            if number.status != "ACTIVE":
                return "NUMBER_NOT_ACTIVE"
            return "NUMBER_ASSIGNED" if number.assigned else None
        if number.status != "RESERVED":
            return "NUMBER_NOT_RESERVED"
        exhausted = self.used(wish.account_id) >= self.limits[wish.account_id]
        return "ENTITLEMENT_EXHAUSTED" if exhausted else None

    def used(self, account_id: str) -> int:
        """How many voice services the account uses."""
        held = [number for number in self.numbers.values() if number.account_id == account_id]
        return sum(number.status == "ACTIVE" for number in held)

    def activate(self, command: str, number: Number) -> None:
        number.status = "ACTIVE"
        self.said[command, "ACTIVE"] += 1
        group = self.ringing.get(number.account_id or "")
        if group is not None and not number.main:
            number.hunt_groups.add(group)
            self.asked[command, "add", group] += 1

    def deactivate(self, command: str, number: Number) -> None:
        number.status = "RESERVED"
        self.said[command, "RESERVED"] += 1
        self.asked.update((command, "remove", group) for group in number.hunt_groups)
        for device, kind in number.devices.items():
            if kind == "digital":
                self.asked[command, "logout", device] += 1
            else:
                self.said[command, device] += 1
        self.asked[command, "reset", ""] += 1
        number.hunt_groups, number.devices = set(), {}
        if number.main and number.account_id:
            self.ringing.pop(number.account_id, None)

    def hangs_on_pace(self, command: str, wish: Wish) -> bool:
        """Whether the answer may depend on how far the worker is with what came before."""
        number = self.numbers.get(wish.phone_number)
        if number is None or not self.under_way or command in self.seen:
            return False
        frees = "deactivate" in self.under_way.values() and wish.operation == "activate"
        mains = number.main or any(self.numbers[other].main for other in self.under_way)
        return wish.phone_number in self.under_way or frees or mains
