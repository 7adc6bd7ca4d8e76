"""A web tier that asks for reports, and puts the pages of each answer together."""

import json
from typing import Any
from uuid import uuid4

import aio_pika

from tests.support.platform import CONTENT_TYPE, PATIENCE_SECONDS, Event, Platform

__all__ = ["Requester", "complete_answer", "numbers_of", "requester"]

EXCHANGE, ROUTING_KEY = "telephony.commands", "phone_number.report"


class Requester:
    """Publishes reports, and collects what comes to its reply queue."""

    def __init__(self, platform: Platform, reply_to: str) -> None:
        self._platform = platform
        self.reply_to = reply_to
        self.received: list[Event] = []

    async def ask(self, data: Event, *, id: str | None = None, **properties: Any) -> str:  # noqa: A002 -- as the platform has it
        """Publishes a report and returns its id; AMQP properties replace those by default."""
        identifier = id or str(uuid4())
        event = {
            "specversion": "1.0",
            "id": identifier,
            "source": "/tests/web-tier",
            "type": "telephony.phone_number.report.v1",
            "data": data,
        }
        defaults = {"reply_to": self.reply_to, "correlation_id": f"of-{identifier}"}
        message = aio_pika.Message(
            json.dumps(event).encode(),
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            **{**defaults, **properties},
        )
        exchange = await self._platform.channel.get_exchange(EXCHANGE, ensure=False)
        await exchange.publish(message, ROUTING_KEY)
        return identifier

    async def answer(
        self, report_id: str, *, patience_seconds: float = PATIENCE_SECONDS
    ) -> list[Event]:
        """The payloads of the pages of its answer, in their order, once all are there."""
        await self._platform.until(
            lambda: complete_answer(self.received, report_id), patience_seconds=patience_seconds
        )
        return complete_answer(self.received, report_id)

    async def answer_to(self, **data: str) -> list[Event]:
        """Asks, and returns the answer."""
        return await self.answer(await self.ask(data))


async def requester(platform: Platform) -> Requester:
    """A requester with a queue of its own on the platform's connection."""
    queue = await platform.channel.declare_queue(exclusive=True)
    opened = Requester(platform, queue.name)
    await platform.collect(queue, opened.received)
    return opened


def complete_answer(received: list[Event], report_id: str) -> list[Event]:
    """The payloads of all pages of one moment, the newest that is complete; else none.

    An answer that a crash interrupted begins again, with a newer moment.
    """
    moments: dict[str, dict[int, Event]] = {}
    for event in received:
        if event.get("causationid") == report_id:
            data = event["data"]
            moments.setdefault(data["as_of"], {})[data["page"]] = data
    for _, pages in sorted(moments.items(), reverse=True):
        if len(pages) == next(iter(pages.values()))["pages"]:
            return [pages[place] for place in sorted(pages)]
    return []


def numbers_of(pages: list[Event]) -> list[str]:
    """The numbers on all pages, in their order."""
    return [number["phone_number"] for page in pages for number in page["numbers"]]
