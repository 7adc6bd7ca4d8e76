"""What the worker publishes has the AMQP properties that the page for the web tier names."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

from activation_contracts.documents.folder import DOCUMENTS
from aio_pika.abc import AbstractIncomingMessage

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.platform import Platform
from tests.support.requester import Requester
from tests.support.workers import store, working
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
TIMEOUT_SECONDS = 60
REPLIES = ""
"""Replies come through the default exchange."""
PUBLISHED = Counter({"telephony.events": 4, "telephony.pbx": 1, REPLIES: 4})
"""How much is published for an activation and a deactivation (the PBX resets the extension), with a
reply to each, to a report and to an unreadable message."""
PROPERTIES = (
    *("content_type", "content_encoding", "headers", "delivery_mode", "priority"),
    *("correlation_id", "reply_to", "expiration", "message_id", "timestamp", "type"),
    *("user_id", "app_id"),
)
WORDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "`application/cloudevents+json`": lambda _: "application/cloudevents+json",
    "2 (persistent)": lambda _: 2,
    "`id`": lambda event: event["id"],
    "`type`": lambda event: event["type"],
    "`correlationid`": lambda event: event["correlationid"],
    "`time`, in whole seconds": lambda event: int(
        datetime.fromisoformat(event["time"]).timestamp()
    ),
}
"""What the page says a property is, as a function of the event."""


def documented(event: dict[str, Any]) -> dict[str, Any]:
    """The properties of the event by the page's table."""
    text = (DOCUMENTS / "web-tier.md").read_text(encoding="utf-8")
    (rows,) = re.findall(r"<!-- table: properties -->\n(.*?)<!--", text, re.DOTALL)
    cells = re.findall(r"^\| (\w+) \| (.*) \|$", rows, re.MULTILINE)
    return {name: WORDS[words](event) for name, words in cells if name != "property"}


def found(delivery: AbstractIncomingMessage) -> dict[str, Any]:
    """The properties that the delivery has."""
    values = {name: getattr(delivery, name) for name in PROPERTIES}
    if delivery.timestamp is not None:
        values["timestamp"] = int(delivery.timestamp.timestamp())
    return {name: value for name, value in values.items() if value not in (None, {}, 0)}


async def test_what_the_worker_publishes_has_the_documented_properties_and_no_others(
    database: Database, settings: Settings, platform: Platform
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER))
    deliveries: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
    queue = await platform.channel.declare_queue(exclusive=True)
    requester = Requester(platform, queue.name)
    for exchange in ("telephony.events", "telephony.pbx"):
        await queue.bind(exchange, "#")
    await queue.consume(deliveries.put, no_ack=True)
    async with working(database, settings):
        asking = {"reply_to": queue.name, "correlation_id": "page-7"}
        for operation in ("activate", "deactivate"):
            await platform.outcome(await platform.send(operation, NUMBER, properties=asking))
        await platform.send_raw(b"{}", message_id="unreadable", **asking)
        await requester.ask({"phone_number": NUMBER}, **asking)
        async with asyncio.timeout(TIMEOUT_SECONDS):
            published = [await deliveries.get() for _ in PUBLISHED.elements()]

    assert Counter(delivery.exchange for delivery in published) == PUBLISHED
    for delivery in published:
        expected = documented(json.loads(delivery.body))
        if delivery.exchange == REPLIES:
            expected["correlation_id"] = "page-7"
        assert found(delivery) == expected
