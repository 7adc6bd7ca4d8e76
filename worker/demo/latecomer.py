"""A subscriber that comes late: it asks for a report, and replays the event log.

It exits with 1 unless both say the same.
"""

import asyncio
import json
import os
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import aio_pika
import click
from activation_contracts import amqp_message
from activation_contracts.building import report as ask_for_report
from activation_contracts.topology import EVENT_LOG
from aio_pika.abc import AbstractChannel

from worker.demo.sample import MEMBER, SITE

PATIENCE_SECONDS: Final = 60
STATUS_CHANGED: Final = "telephony.phone_number.status_changed.v1"


class State(NamedTuple):
    """A status, and its sequence."""

    status: str
    sequence: int


States = Mapping[str, State]
"""By phone number."""


async def report(channel: AbstractChannel) -> States:
    """The present state of all numbers at the site, as the worker answers on the bus."""
    answers = await channel.declare_queue(exclusive=True)
    question = amqp_message(
        ask_for_report(site_id=SITE, source="/demo/latecomer"), reply_to=answers.name
    )
    commands = await channel.get_exchange(question.exchange, ensure=False)
    published = aio_pika.Message(question.body, **question.properties)
    await commands.publish(published, question.routing_key, timeout=10)
    pages: dict[str, dict[int, Any]] = defaultdict(dict)
    async with answers.iterator(no_ack=True) as deliveries:
        async for delivery in deliveries:
            page = json.loads(delivery.body)["data"]
            of_moment = pages[page["as_of"]]
            of_moment[page["page"]] = page["numbers"]
            if len(of_moment) == page["pages"]:
                return {
                    number["phone_number"]: State(number["status"], number["sequence"])
                    for numbers in of_moment.values()
                    for number in numbers
                }
    raise AssertionError


async def replay(channel: AbstractChannel, until: States) -> tuple[int, Mapping[str, list[State]]]:
    """Reads the log from the beginning until it has come to these states.

    Returns how many events it read, and the states of each number in their order.
    """
    await channel.set_qos(prefetch_count=200)  # a stream requires it
    log = await channel.get_queue(EVENT_LOG, ensure=False)
    courses: dict[str, list[State]] = defaultdict(list)
    missing = {number for number, state in until.items() if state.sequence > 0}
    read = 0
    async with log.iterator(arguments={"x-stream-offset": "first"}) as deliveries:
        async for delivery in deliveries:
            await delivery.ack()  # the broker may send one more
            read += 1
            event = json.loads(delivery.body)
            if event["type"] == STATUS_CHANGED:
                _follow(courses, event["data"])
                number = event["data"]["phone_number"]
                if number in courses and courses[number][-1] == until.get(number):
                    missing.discard(number)
            if not missing:
                return read, courses
    raise AssertionError


def _follow(courses: Mapping[str, list[State]], data: Mapping[str, Any]) -> None:
    course = courses[data["phone_number"]]
    if not course or data["sequence"] > course[-1].sequence:
        course.append(State(data["status"], data["sequence"]))


async def main() -> None:
    """Prints what a subscriber knows that was not there; exits with 1 if it does not know it."""
    async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=10) as connection:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                reported = await report(await connection.channel())
                read, courses = await replay(await connection.channel(), reported)
        except TimeoutError:
            raise SystemExit("Not shown: the log and the report do not say the same.") from None
    course = " -> ".join(f"{state.status} ({state.sequence})" for state in courses[MEMBER])
    click.echo(f"The event log holds {read} events; {len(courses)} numbers have changed.")
    click.echo(f"{MEMBER}, with its sequence: {course}")
    click.echo(f"A report, asked on the bus, names {len(reported)} numbers and says the same.")


if __name__ == "__main__":
    asyncio.run(main())
