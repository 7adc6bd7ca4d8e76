"""A PBX that carries out every request and reports each as done, once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from activation_contracts.values import Step

from tests.support.platform import Event, Platform

ALL_STEPS = ",".join(Step)
"""The value of `WORKER_AWAITED_STEPS` for a worker that awaits every step."""


@asynccontextmanager
async def answering(platform: Platform, steps: str = ALL_STEPS) -> AsyncIterator[None]:
    """Reports each request as done when it first arrives; does nothing if no step is awaited.

    The id of a result contains the id of its command, so that a test finds it in network traffic.
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
        new = [event for event in platform.events[events:] if _requests_activation(event)]
        new += platform.pbx_messages[messages:]
        events, messages = len(platform.events), len(platform.pbx_messages)
        for event in new:
            if event["id"] not in answered:
                answered.add(event["id"])
                identifier = f"answer-to-{event['data']['command_id']}-{len(answered)}"
                await platform.answer(event["id"], "done", id=identifier)
        await asyncio.sleep(0.005)


def _requests_activation(event: Event) -> bool:
    """Whether the PBX takes this event as the request to activate a number."""
    data = event["data"]
    return (data.get("operation"), data.get("status")) == ("activate", "PENDING")
