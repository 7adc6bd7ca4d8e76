"""The demo's web tier: a process of its own that speaks AMQP and the contracts, no more."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import uuid4

import aio_pika

from contracts.catalogue import COMMANDS, definition_of
from contracts.envelope import CONTENT_TYPE
from contracts.messages import CommandData
from worker.demo.sample import BURST_NUMBERS, REFUSED_NUMBER, SITE, SLOW_NUMBER

PAUSE_SECONDS: Final = 1.2
PBX_TAKES_SECONDS: Final = 5
"""For the slow number."""
BURST: Final = "automatic allocation"


class Wish(NamedTuple):
    """What somebody asks for."""

    operation: str
    number: str
    account: str
    by: str
    identifier: str | None = None
    pause_seconds: float = PAUSE_SECONDS
    """How long nobody asks for anything else."""


STORY: Final = (
    Wish("activate", "+442079460201", "acme", "Ada, reception: one voice service is free"),
    Wish("activate", "+442079460202", "acme", "Ada again: none is left"),
    Wish("deactivate", "+442079460203", "acme", "Ada frees the meeting room's", "frees-one"),
    Wish("deactivate", "+442079460203", "acme", "Ada frees the meeting room's", "frees-one"),
    Wish("activate", "+442079460202", "acme", "Ada tries once more"),
    Wish("activate", "+442079460100", "landlord", "Lin, building team"),
    Wish("deactivate", "+442079460300", "calm", "Max: but Grace has this number"),
    Wish("activate", "+442079460302", "calm", "Max: but it is resting"),
    Wish("activate", "+442079460201", "calm", "Max: but it is another account's"),
    Wish("activate", "+442079469999", "calm", "Max: but nobody knows it"),
    Wish("activate", REFUSED_NUMBER, "dune", "Nia: but the PBX refuses it"),
    Wish(
        "activate",
        SLOW_NUMBER,
        "dune",
        "Nia, with the voice service that is free again: the PBX takes its time",
        pause_seconds=PBX_TAKES_SECONDS + PAUSE_SECONDS,
    ),
)


async def _publish(exchange: aio_pika.abc.AbstractExchange, wish: Wish) -> None:
    command = COMMANDS[f"telephony.phone_number.{wish.operation}.v1"](
        id=wish.identifier or str(uuid4()),
        source="/demo/web-tier",
        time=datetime.now(UTC),
        data=CommandData(
            phone_number=wish.number, account_id=wish.account, site_id=SITE, requested_by=wish.by
        ),
    )
    message = aio_pika.Message(
        command.encode(),
        content_type=CONTENT_TYPE,
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
        message_id=command.id,
        type=command.type,
    )
    await exchange.publish(message, definition_of(type(command)).routing_key, timeout=10)


async def main() -> None:
    """Tells the story with pauses, and ends with a burst and something unreadable."""
    async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=10) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("telephony.commands", ensure=False)
        for wish in STORY:
            await _publish(exchange, wish)
            await asyncio.sleep(wish.pause_seconds)
        await exchange.publish(aio_pika.Message(b"{ not json"), "phone_number.activate")
        await asyncio.sleep(PAUSE_SECONDS)
        wishes = (Wish("activate", number, "bolt", BURST) for number in BURST_NUMBERS)
        await asyncio.gather(*(_publish(exchange, wish) for wish in wishes))


if __name__ == "__main__":
    asyncio.run(main())
