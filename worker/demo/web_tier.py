"""The web tier of the demo: a process that uses only AMQP and the contracts."""

import asyncio
import os
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import uuid4

import aio_pika
from activation_contracts.catalogue import COMMANDS, definition_of
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import CommandData

from worker.demo.sample import BURST_NUMBERS, REFUSED_NUMBER, SITE, SLOW_NUMBER

PAUSE_SECONDS: Final = 1.2
PBX_TAKES_SECONDS: Final = 5
"""How long the PBX takes to activate the slow number."""
BURST: Final = "automatic allocation"


class Request(NamedTuple):
    """A command that the web tier sends."""

    operation: str
    number: str
    account: str
    by: str
    identifier: str | None = None
    pause_seconds: float = PAUSE_SECONDS
    """The pause after it."""


STORY: Final = (
    Request("activate", "+442079460201", "acme", "Ada, reception: one voice service is free"),
    Request("activate", "+442079460202", "acme", "Ada again: none is left"),
    Request("deactivate", "+442079460203", "acme", "Ada frees the meeting room's", "frees-one"),
    Request("deactivate", "+442079460203", "acme", "Ada frees the meeting room's", "frees-one"),
    Request("activate", "+442079460202", "acme", "Ada tries once more"),
    Request("activate", "+442079460100", "landlord", "Lin, building team"),
    Request("deactivate", "+442079460300", "calm", "Max: but Grace has this number"),
    Request("activate", "+442079460302", "calm", "Max: but it is in COOLDOWN"),
    Request("activate", "+442079460201", "calm", "Max: but it is another account's"),
    Request("activate", "+442079469999", "calm", "Max: but it is not provisioned"),
    Request("activate", REFUSED_NUMBER, "dune", "Nia: but the PBX refuses it"),
    Request(
        "activate",
        SLOW_NUMBER,
        "dune",
        "Nia, with the voice service that is free again: the PBX is slow",
        pause_seconds=PBX_TAKES_SECONDS + PAUSE_SECONDS,
    ),
)


async def send_command(exchange: aio_pika.abc.AbstractExchange, request: Request) -> None:
    """Publishes the request as a command."""
    command = COMMANDS[f"telephony.phone_number.{request.operation}.v1"](
        id=request.identifier or str(uuid4()),
        source="/demo/web-tier",
        time=datetime.now(UTC),
        data=CommandData(
            phone_number=request.number,
            account_id=request.account,
            site_id=SITE,
            requested_by=request.by,
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
    """Sends the commands with pauses, then an unreadable message and a burst."""
    async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=10) as connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("telephony.commands", ensure=False)
        for request in STORY:
            await send_command(exchange, request)
            await asyncio.sleep(request.pause_seconds)
        await exchange.publish(aio_pika.Message(b"{ not json"), "phone_number.activate")
        await asyncio.sleep(PAUSE_SECONDS)
        requests = (Request("activate", number, "bolt", BURST) for number in BURST_NUMBERS)
        await asyncio.gather(*(send_command(exchange, request) for request in requests))


if __name__ == "__main__":
    asyncio.run(main())
