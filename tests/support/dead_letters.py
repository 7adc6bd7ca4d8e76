"""Dead letters, and the command line that shows them."""

import asyncio
import json
from typing import Final

from aio_pika import Message

from tests.support.command_line import Invoke
from tests.support.platform import DEAD_LETTERS, Platform

__all__ = ["BY_ADA", "keys", "unrouted", "until_there"]

BY_ADA: Final = ("--by", "Ada", "--why", "a test")
"""Who decides an act, and why."""


async def unrouted(platform: Platform, *bodies: bytes) -> None:
    """Publishes commands with a routing key to which no queue is bound."""
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    for body in bodies:
        await exchange.publish(Message(body, headers={"tenant": "x"}), "phone_number.dance")
    await until_there(platform, DEAD_LETTERS, len(bodies))


async def keys(invoke: Invoke) -> list[str]:
    """The keys of all dead letters, in their order."""
    listed = await invoke("dead-letters", "list", "--json")
    return [letter["key"] for letter in json.loads(listed.stdout)]


async def until_there(platform: Platform, queue: str, messages: int) -> None:
    """Waits until so many messages are ready in the queue: no consumer holds them."""
    async with asyncio.timeout(90):
        while True:
            found = await platform.channel.declare_queue(queue, passive=True)
            if found.declaration_result.message_count == messages:
                return
            await asyncio.sleep(0.05)
