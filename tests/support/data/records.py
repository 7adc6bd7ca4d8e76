"""Builders of import records, and functions that import them."""

import json
from collections.abc import Mapping

import pytest

from worker.operator.importing.import_records import Imported, ImportRefused, import_lines

NUMBER = "+442079460001"
OTHER = "+442079460002"
MAIN = "+442079460100"

Fields = Mapping[str, object]


def number(phone_number: str = NUMBER, **changes: object) -> Fields:
    held = {"account_id": "acme", "site_id": "london", "status": "RESERVED"}
    return {"kind": "phone_number", "phone_number": phone_number, **held, **changes}


def service(**changes: object) -> Fields:
    fields = {"service_id": "service-1", "account_id": "acme", "account_kind": "occupier"}
    return {"kind": "voice_service", **fields, "site_id": "london", "quantity": 3, **changes}


def call_settings(phone_number: str = MAIN, **changes: object) -> Fields:
    slots = {"in_hours": "hunt_group", "out_of_hours": "voicemail", "unanswered": "none"}
    return {
        "kind": "call_settings",
        "phone_number": phone_number,
        "hunt_group_id": "group-1",
        **slots,
        **changes,
    }


def member(phone_number: str = NUMBER, hunt_group_id: str = "group-1") -> Fields:
    return {
        "kind": "hunt_group_member",
        "phone_number": phone_number,
        "hunt_group_id": hunt_group_id,
    }


def login(phone_number: str = NUMBER, device_kind: str = "digital") -> Fields:
    return {
        "kind": "handset_login",
        "phone_number": phone_number,
        "device_id": "desk-7",
        "device_kind": device_kind,
    }


async def imported(url: str, *records: Fields, complete: bool = False) -> Imported:
    return await import_lines(url, [json.dumps(record) for record in records], complete=complete)


async def refusal(url: str, *records: Fields, complete: bool = False) -> str:
    with pytest.raises(ImportRefused) as refused:
        await imported(url, *records, complete=complete)
    return str(refused.value)
