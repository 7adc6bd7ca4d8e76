"""The web tier of the demo: a process that uses only AMQP and the contracts."""

import asyncio
import os
from typing import Final, NamedTuple

import aio_pika
from activation_contracts import activate, amqp_message, deactivate

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
    bulk: bool = False
    """Whether no person waits for it."""


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
    build = {"activate": activate, "deactivate": deactivate}[request.operation]
    command = build(
        request.number,
        account_id=request.account,
        site_id=SITE,
        source="/demo/web-tier",
        requested_by=request.by,
        id=request.identifier,
    )
    message = amqp_message(command, bulk=request.bulk)
    published = aio_pika.Message(message.body, **message.properties)
    await exchange.publish(published, message.routing_key, timeout=10)


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
        requests = (
            Request("activate", number, "bolt", BURST, bulk=True) for number in BURST_NUMBERS
        )
        await asyncio.gather(*(send_command(exchange, request) for request in requests))


if __name__ == "__main__":
    asyncio.run(main())
