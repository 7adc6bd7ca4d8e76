"""The sample site: one operator, four occupiers, a few hundred numbers.

The numbers are from the range that the United Kingdom's regulator reserves for fiction.
"""

import json
from collections.abc import Iterator
from typing import Final

__all__ = [
    "BURST_NUMBERS",
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
BURST_NUMBERS: Final = tuple(f"+442079461{index:03}" for index in range(60))
SPARE_NUMBERS: Final = tuple(f"+442079462{index:03}" for index in range(240))
SERVICES: Final = {"landlord": 5, "acme": 3, "bolt": 40, "calm": 2, "dune": 1}
"""Voice services of each account at the site; `calm` uses all of its own."""


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
    yield _number(REFUSED_NUMBER, "dune", "RESERVED", extension="401")
    yield _number(SLOW_NUMBER, "dune", "RESERVED", extension="402")
    yield _number("+442079460100", "landlord", "RESERVED", extension="100")
    for index, number in enumerate(BURST_NUMBERS):
        yield _number(number, "bolt", "RESERVED", extension=f"7{index:02}")
    for number in SPARE_NUMBERS:
        yield _number(number, None, "AVAILABLE")


def _acme() -> Iterator[dict[str, object]]:
    main_number = "+442079460200"
    yield _number(main_number, "acme", "ACTIVE", extension="200", main_number=True)
    yield {
        "kind": "call_settings",
        "phone_number": main_number,
        "hunt_group_id": "acme-reception",
        "in_hours": "hunt_group",
        "out_of_hours": "voicemail",
        "unanswered": "voicemail",
    }
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
