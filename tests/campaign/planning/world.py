"""The numbers of a campaign, the accounts that hold them, and their voice services."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace

NUMBERS_OF_A_HOLDER = 60
MOVES_EVERY = 12
GUEST = "account-guest"
"""Numbers that move go to this account at their site, and come back."""
SITES = ("london", "leeds", "bath")
DEVICES = (
    (("desk", "digital"),),
    (("desk", "digital"), ("lobby", "digital")),
    (("desk", "digital"), ("fax", "analogue")),
    (("laptop", "softphone"),),
)


@dataclass(frozen=True, slots=True)
class Number:
    """A phone number as it is imported."""

    phone_number: str
    account_id: str | None
    site_id: str
    status: str
    main: bool = False
    assigned: bool = False
    devices: tuple[tuple[str, str], ...] = ()
    hunt_groups: tuple[str, ...] = ()
    moves: bool = False
    """Whether the platform takes it away and gives it back."""


@dataclass(frozen=True, slots=True)
class Holder:
    """An account at a site, with fewer voice services than numbers."""

    account_id: str
    site_id: str
    services: int
    numbers: tuple[Number, ...]

    @property
    def hunt_group(self) -> str:
        """The hunt group of the main number."""
        return f"{self.account_id}-{self.site_id}"


World = tuple[Holder, ...]


def build(seed: int, numbers: int) -> World:
    """Holders with at least so many numbers in total; fixed by the seed."""
    dice = random.Random(f"world {seed}")
    return tuple(_holder(dice, place) for place in range(-(-numbers // NUMBERS_OF_A_HOLDER)))


def numbers_of(world: World) -> Iterator[Number]:
    """Every number."""
    for holder in world:
        yield from holder.numbers


def records(world: World) -> Iterator[dict[str, object]]:
    """The import records of everything."""
    for holder in world:
        yield {"kind": "voice_service", **service_of(holder)}
        yield {"kind": "call_settings", **settings_of(holder)}
        for number in holder.numbers:
            yield from _records_of(number)


def service_of(holder: Holder) -> dict[str, object]:
    """The voice service with which the holder begins."""
    return {
        "service_id": f"service-{holder.hunt_group}",
        "account_id": holder.account_id,
        "account_kind": "occupier",
        "site_id": holder.site_id,
        "quantity": holder.services,
    }


def settings_of(holder: Holder) -> dict[str, object]:
    """The call settings of the main number."""
    return {
        "phone_number": holder.numbers[0].phone_number,
        "hunt_group_id": holder.hunt_group,
        "in_hours": "hunt_group",
        "out_of_hours": "voicemail",
        "unanswered": "none",
    }


def details_of(number: Number) -> dict[str, object]:
    """The number as the platform states it; its status is left out."""
    return {
        "phone_number": number.phone_number,
        "site_id": number.site_id,
        "account_id": number.account_id,
        "extension": number.phone_number[-4:],
        "main_number": number.main,
        "assigned_to": "Grace" if number.assigned else None,
        "features": ["voicemail"],
    }


def _records_of(number: Number) -> Iterator[dict[str, object]]:
    known: dict[str, object] = {"phone_number": number.phone_number}
    yield {"kind": "phone_number", **details_of(number), "status": number.status}
    for device, kind in number.devices:
        yield {"kind": "handset_login", **known, "device_id": device, "device_kind": kind}
    for group in number.hunt_groups:
        yield {"kind": "hunt_group_member", **known, "hunt_group_id": group}


def _holder(dice: random.Random, place: int) -> Holder:
    account, site = f"account-{place // len(SITES)}", SITES[place % len(SITES)]
    first = place * NUMBERS_OF_A_HOLDER
    names = [f"+4420{first + index:08}" for index in range(NUMBERS_OF_A_HOLDER)]
    main = Number(names[0], account, site, "ACTIVE", main=True)
    others = tuple(
        replace(_number(dice, name, account, site), moves=index % MOVES_EVERY == 0)
        for index, name in enumerate(names[1:], 1)
    )
    active = sum(number.status == "ACTIVE" for number in (main, *others))
    services = active + dice.randint(2, NUMBERS_OF_A_HOLDER - active - 2)
    return Holder(account, site, services, (main, *others))


def _number(dice: random.Random, name: str, account: str, site: str) -> Number:
    kind = dice.random()
    if kind < 0.02:
        return Number(name, None, site, "AVAILABLE")
    if kind < 0.04:
        return Number(name, account, site, "COOLDOWN")
    if kind < 0.06:
        return Number(name, account, site, "ACTIVE", assigned=True)
    if kind < 0.60:
        return Number(name, account, site, "RESERVED")
    devices = dice.choice(DEVICES) if dice.random() < 0.6 else ()
    groups = (f"{account}-{site}",) if dice.random() < 0.5 else ()
    return Number(name, account, site, "ACTIVE", devices=devices, hunt_groups=groups)
