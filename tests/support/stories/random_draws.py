"""What random runs draw: commands and records of a building, by the places of its numbers."""

from typing import Any, Final

from hypothesis import strategies as some

from tests.support.data.building import Building, Content, Number

__all__ = [
    "DEVICES",
    "KEYS",
    "Drawn",
    "DrawnRecord",
    "building_of",
    "bursts",
    "choices",
    "drawn_commands",
    "drawn_records",
    "is_bulk",
    "service_of",
]

PLACES: Final = 10
KEYS: Final = {
    "voice_service": ("service_id",),
    "phone_number": ("phone_number",),
    "hunt_group_member": ("hunt_group_id", "phone_number"),
    "handset_login": ("device_id", "phone_number"),
}

# Most draws are commands that are accepted and have many effects.
places = some.sampled_from([1, 1, 3, 4, 5, 3, 4, 5, 6, 7, 6, 7, *range(PLACES + 1)])
mistakes = some.sampled_from([*[""] * 12, "account", "site", "expired"])
drawn_commands = some.tuples(some.sampled_from(["activate", "deactivate"]), places, mistakes)
bursts = some.lists(drawn_commands, min_size=3, max_size=8)
choices = some.integers(0, 30)

versions = some.sampled_from([1, 1, 1, 2, 0, -1])
"""By how much a version is newer than the last one that was sent."""
statuses = some.sampled_from([None, None, None, "RESERVED", "ACTIVE", "AVAILABLE", "COOLDOWN"])
kinds = some.sampled_from(["number", "number", "number", "member", "login", "service"])
drawn_records = some.lists(
    some.tuples(kinds, some.integers(1, PLACES), versions, choices, statuses),
    min_size=1,
    max_size=5,
)

Drawn = tuple[str, int, str]
"""An operation, the place of a number, and a mistake."""
DrawnRecord = tuple[str, int, int, int, str | None]
"""A kind, the place of a number, by how much the version rises, a choice, and a status."""
DEVICES: Final = {"desk": "digital", "hall": "digital", "lift": "analogue"}


def building_of(run: int) -> Building:
    """Two accounts with fewer services than numbers; each run has its own accounts and numbers."""
    big, small = f"big-{run}", f"small-{run}"
    held = [
        Number(big, "ACTIVE", main=True),
        Number(big, "ACTIVE", hunt_groups={"reception", "sales"}, devices=dict(DEVICES)),
        Number(big, "ACTIVE", assigned=True),
        *(Number(big, "RESERVED") for _ in range(3)),
        *(Number(small, "RESERVED") for _ in range(2)),
        Number(None, "AVAILABLE"),
        Number(small, "COOLDOWN"),
    ]
    prefix = f"+4420{run:06d}"
    numbers = {f"{prefix}{place:02d}": number for place, number in enumerate(held)}
    return Building("london", prefix, {big: 5, small: 1}, numbers, {big: "reception"})


def is_bulk(content: Content) -> bool:
    """Whether commands for the number are sent in bulk: no order is promised between the queues."""
    return content.phone_number[-1] in "37"


def service_of(account: str, quantity: int) -> dict[str, Any]:
    """The state of the account's voice service."""
    holder = {"account_id": account, "account_kind": "occupier", "site_id": "london"}
    return {**holder, "quantity": quantity}
