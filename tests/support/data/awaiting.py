"""A site whose operations await PBX results, and the settings of a worker that awaits them."""

import asyncio
from collections.abc import Mapping
from typing import Any

from tests.support.data.inserts import call_settings, handset_login, phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.workers import rows
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
MAIN_NUMBER = "+442079460000"

SITE = (voice_service(2), phone_numbers(NUMBER, extension="101"))
ACTIVE_MAIN_NUMBER = (
    phone_numbers(MAIN_NUMBER, status="ACTIVE", main_number=True),
    call_settings(MAIN_NUMBER),
)
MAKE_ACTIVE = (
    f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{NUMBER}'",
    handset_login(NUMBER),
)
USAGE = "SELECT active, pending FROM entitlement_usage"
OUTCOME = "SELECT outcome, failure FROM commands"


def awaiting(
    settings: Settings, *steps: str, pause_seconds: float = 20, **changes: float
) -> Settings:
    """Settings of a worker that awaits results of these steps, with pauses between requests."""
    return Settings.model_validate(
        {
            **settings.model_dump(),
            "awaited_steps": steps,
            "step_first_pause_seconds": pause_seconds,
            "step_longest_pause_seconds": pause_seconds,
            "sweep_interval_seconds": 0.05,
            **changes,
        }
    )


def of_type(events: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in events if event["type"].endswith(f".{kind}.v1")]


async def pending_event(platform: Platform) -> Mapping[str, Any]:
    await platform.until(lambda: platform.events)
    return platform.events[0]


async def until_empty(database: Database, query: str) -> None:
    async with asyncio.timeout(90):
        while await rows(database, query):
            await asyncio.sleep(0.02)
