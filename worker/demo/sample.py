"""The sample site: one operator, five occupiers, a few hundred numbers.

The numbers are from the range that the United Kingdom's regulator reserves for fiction.
"""

import json
from collections.abc import Iterator
from typing import Final

__all__ = [
    "BURST_NUMBERS",
    "GROWING",
    "HUNT_GROUP",
    "MEMBER",
    "REFUSED_NUMBER",
    "RESTING_NUMBER",
    "SITE",
    "SLOW_NUMBER",
    "records",
]

SITE: Final = "london-1"
RESTING_NUMBER: Final = "+442079460302"
REFUSED_NUMBER: Final = "+442079460401"
"""The PBX refuses to activate it."""
SLOW_NUMBER: Final = "+442079460402"
"""The PBX activates it slowly."""
GROWING: Final = "echo"
"""The account of the second act: its main number and one more use all that it has bought."""
MEMBER: Final = "+442079460502"
"""The number of the second act: it joins the hunt group, and leaves it."""
HUNT_GROUP: Final = "echo-reception"
BURST_NUMBERS: Final = tuple(f"+442079461{index:03}" for index in range(60))
SPARE_NUMBERS: Final = tuple(f"+442079462{index:03}" for index in range(240))
SERVICES: Final = {"landlord": 5, "acme": 3, "bolt": 40, "calm": 2, "dune": 1, GROWING: 2}
"""Voice services of each account at the site; `calm` and `echo` use all of their own."""


def records() -> Iterator[str]:
    """The site as JSON Lines for `activation-worker import`."""
    for record in _records():
        yield json.dumps(record)


def _records() -> Iterator[dict[str, object]]:
    for account, quantity in SERVICES.items():
        yield {
            "kind": "voice_service",
            "service_id": f"service-{account}",
            "account_id": account,
            "account_kind": "operator" if account == "landlord" else "occupier",
            "site_id": SITE,
            "quantity": quantity,
        }
    yield from _acme()
    yield from _calm()
    yield from _echo()
    yield _number(REFUSED_NUMBER, "dune", "RESERVED", extension="401")
    yield _number(SLOW_NUMBER, "dune", "RESERVED", extension="402")
    yield _number("+442079460100", "landlord", "RESERVED", extension="100")
    for index, number in enumerate(BURST_NUMBERS):
        yield _number(number, "bolt", "RESERVED", extension=f"7{index:02}")
    for number in SPARE_NUMBERS:
        yield _number(number, None, "AVAILABLE")


def _acme() -> Iterator[dict[str, object]]:
    yield from _main_number("+442079460200", "acme", "acme-reception", extension="200")
    yield _number("+442079460201", "acme", "RESERVED", extension="201")
    yield _number("+442079460202", "acme", "RESERVED", extension="202")
    yield _number(
        "+442079460203",
        "acme",
        "ACTIVE",
        extension="203",
        label="Meeting room",
        features=["voicemail", "call_forwarding_busy"],
    )
    yield {
        "kind": "hunt_group_member",
        "hunt_group_id": "acme-reception",
        "phone_number": "+442079460203",
    }
    for device_id, kind in (("desk-14", "digital"), ("fax-2", "analogue")):
        yield {
            "kind": "handset_login",
            "phone_number": "+442079460203",
            "device_id": device_id,
            "device_kind": kind,
        }


def _calm() -> Iterator[dict[str, object]]:
    yield _number("+442079460300", "calm", "ACTIVE", extension="300", assigned_to="Grace")
    yield _number("+442079460301", "calm", "ACTIVE", extension="301")
    yield _number(RESTING_NUMBER, "calm", "COOLDOWN")


def _echo() -> Iterator[dict[str, object]]:
    yield from _main_number("+442079460500", GROWING, HUNT_GROUP, extension="500")
    yield _number("+442079460501", GROWING, "ACTIVE", extension="501")
    yield _number(MEMBER, GROWING, "RESERVED", extension="502")


def _main_number(
    number: str, account: str, hunt_group: str, *, extension: str
) -> Iterator[dict[str, object]]:
    yield _number(number, account, "ACTIVE", extension=extension, main_number=True)
    yield {
        "kind": "call_settings",
        "phone_number": number,
        "hunt_group_id": hunt_group,
        "in_hours": "hunt_group",
        "out_of_hours": "voicemail",
        "unanswered": "voicemail",
    }


def _number(number: str, account: str | None, status: str, **fields: object) -> dict[str, object]:
    holder = {} if account is None else {"account_id": account}
    return {
        "kind": "phone_number",
        "phone_number": number,
        "site_id": SITE,
        "status": status,
        **holder,
        **fields,
    }
