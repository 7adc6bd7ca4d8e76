"""The second act: a process that states the platform's records and sends commands that need them.

It exits with 1 if anything happens otherwise than it says.
"""

import asyncio
import json
import os
from collections.abc import Callable
from typing import Any, Final, Self

import aio_pika
from activation_contracts import amqp_message, deleted_record, record
from activation_contracts.catalogue import COMMAND_EXCHANGE, DIRECTORY_EXCHANGE
from activation_contracts.messages import DirectoryMessage
from activation_contracts.records import HuntGroupMemberKey, VoiceServiceRecord
from activation_contracts.values import AccountKind
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage

from worker.demo.sample import GROWING, HUNT_GROUP, MEMBER, SERVICES, SITE
from worker.demo.timeline import SOURCES, Timeline
from worker.demo.web_tier import Request, send_command

PATIENCE_SECONDS: Final = 60
PAUSE_SECONDS: Final = 0.8
"""For the reader, between two scenes."""
SOURCE: Final = "/demo/platform"

Event = dict[str, Any]


class NotShown(Exception):
    """Something did not happen as it should; the text says what."""


class Stage:
    """Publishes for the systems around the worker; prints and keeps everything that is said."""

    def __init__(self, channel: AbstractChannel) -> None:
        self._channel = channel
        self._timeline = Timeline()
        self._events: list[Event] = []
        self._changed = asyncio.Condition()

    async def open(self) -> Self:
        """Listens to all exchanges."""
        queue = await self._channel.declare_queue(exclusive=True)
        for exchange, routing_key in (*SOURCES, (DIRECTORY_EXCHANGE, "#")):
            await queue.bind(exchange, routing_key)
        await queue.consume(self._receive, no_ack=True)
        return self

    async def state(self, message: DirectoryMessage) -> None:
        """Publishes a directory message."""
        stated = amqp_message(message)
        exchange = await self._channel.get_exchange(stated.exchange, ensure=False)
        published = aio_pika.Message(stated.body, **stated.properties)
        await exchange.publish(published, stated.routing_key, timeout=10)
        await asyncio.sleep(PAUSE_SECONDS)

    async def send(self, operation: str, by: str, expected: str) -> None:
        """Sends a command for the number; raises `NotShown` unless it ends as expected."""
        command_id = f"second-act-{len(self._events)}"
        commands = await self._channel.get_exchange(COMMAND_EXCHANGE, ensure=False)
        await send_command(commands, Request(operation, MEMBER, GROWING, by, command_id))
        end = await self.first(
            f"the end of {operation}",
            lambda event: event.get("command_id") == command_id and _ends(event),
        )
        if _outcome(end) != expected:
            raise NotShown(f"{operation} {MEMBER} ended with {_outcome(end)}, not {expected}")

    async def first(self, what: str, matches: Callable[[Event], bool]) -> Event:
        """The first payload that matches; raises `NotShown` if there is none for long."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._changed:
                await self._changed.wait_for(lambda: any(map(matches, self._events)))
        except TimeoutError:
            raise NotShown(f"{what} did not come in {PATIENCE_SECONDS} s") from None
        return next(filter(matches, self._events))

    def requests(self, action: str) -> int:
        """How often a PBX was asked for this action on the number's membership."""
        return sum(_is_request(event, action) for event in self._events)

    async def _receive(self, message: AbstractIncomingMessage) -> None:
        await self._timeline.print_message(message)
        async with self._changed:
            self._events.append(json.loads(message.body)["data"])
            self._changed.notify_all()


async def play(stage: Stage) -> None:
    """Plays the scenes; raises `NotShown`."""
    await stage.send("activate", "Eve: none is left", "ENTITLEMENT_EXHAUSTED")
    await stage.state(_bought(SERVICES[GROWING] + 1))
    await stage.send("activate", "Eve, with the voice service that was added", "ACTIVE")
    await stage.first("the join", lambda event: _is_request(event, "add"))
    await asyncio.sleep(PAUSE_SECONDS)
    await stage.state(_left_by_hand())
    await stage.send("deactivate", "Eve: no PBX is asked to take it out again", "RESERVED")
    if stage.requests("remove"):
        raise NotShown(f"a PBX was asked to remove {MEMBER} from {HUNT_GROUP}")


def _bought(quantity: int) -> DirectoryMessage:
    service = VoiceServiceRecord(
        service_id=f"service-{GROWING}",
        account_id=GROWING,
        account_kind=AccountKind.OCCUPIER,
        site_id=SITE,
        quantity=quantity,
    )
    return record(service, version=1, source=SOURCE)


def _left_by_hand() -> DirectoryMessage:
    membership = HuntGroupMemberKey(hunt_group_id=HUNT_GROUP, phone_number=MEMBER)
    return deleted_record(membership, version=1, source=SOURCE)


def _is_request(event: Event, action: str) -> bool:
    return event.get("action") == action and event.get("phone_number") == MEMBER


def _ends(event: Event) -> bool:
    return _outcome(event) not in {None, "PENDING"}


def _outcome(event: Event) -> str | None:
    outcome: str | None = event.get("code") or event.get("status")
    return outcome


async def main() -> None:
    """Plays the second act; exits with 1 and a sentence if it goes wrong."""
    async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=10) as connection:
        stage = await Stage(await connection.channel()).open()
        try:
            await play(stage)
        except NotShown as error:
            raise SystemExit(f"Not shown: {error}.") from None


if __name__ == "__main__":
    asyncio.run(main())
