"""A PBX that does what it is asked, and says so once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from contracts.values import Step
from tests.support.platform import Event, Platform

ALL_STEPS = ",".join(Step)
"""The setting of a worker that waits for this PBX with everything."""


@asynccontextmanager
async def answering(platform: Platform, steps: str = ALL_STEPS) -> AsyncIterator[None]:
    """Answers each message when it is first heard, if any steps are awaited at all.

    The id of an answer names its command, so that whoever looks for it knows it on the wire.
    """
    if not steps:
        yield
        return
    task = asyncio.create_task(_answer(platform))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _answer(platform: Platform) -> None:
    answered: set[str] = set()
    events, messages = 0, 0
    while True:
        new = [event for event in platform.events[events:] if _asks(event)]
        new += platform.pbx_messages[messages:]
        events, messages = len(platform.events), len(platform.pbx_messages)
        for event in new:
            if event["id"] not in answered:
                answered.add(event["id"])
                identifier = f"answer-to-{event['data']['command_id']}-{len(answered)}"
                await platform.answer(event["id"], "done", id=identifier)
        await asyncio.sleep(0.005)


def _asks(event: Event) -> bool:
    """Whether this event is also what asks the PBX to activate a number."""
    data = event["data"]
    return (data.get("operation"), data.get("status")) == ("activate", "PENDING")
