"""A site with many numbers to activate, and as many in full use to deactivate."""

import pytest

from tests.support.data.inserts import (
    call_settings,
    handset_login,
    hunt_group_member,
    phone_numbers,
    voice_service,
)
from tests.support.workers import store
from worker.storage.connecting.engine import Database

__all__ = ["NUMBERS", "number_in_use", "reserved_number", "site"]

NUMBERS = 900
"""Of each kind. They are counted from 1."""
MAIN_NUMBER = "+442079400000"


def reserved_number(place: int) -> str:
    """A number that can be activated, and then joins the hunt group of the main number."""
    return f"+4420791{place:05d}"


def number_in_use(place: int) -> str:
    """A number that can be deactivated, with a hunt group and two handset logins."""
    return f"+4420792{place:05d}"


@pytest.fixture
async def site(database: Database) -> None:
    """Stores the site, with voice services for all numbers."""
    places = range(1, NUMBERS + 1)
    in_use = [number_in_use(place) for place in places]
    await store(
        database,
        voice_service(10_000),
        phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True),
        call_settings(MAIN_NUMBER),
        phone_numbers(*map(reserved_number, places)),
        phone_numbers(*in_use, status="ACTIVE", label="Desk"),
        ";".join(hunt_group_member(number) for number in in_use),
        ";".join(
            handset_login(number, f"{kind}-1", kind)
            for number in in_use
            for kind in ("digital", "analogue")
        ),
    )
