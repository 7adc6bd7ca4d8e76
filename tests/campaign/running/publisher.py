"""Web tier and platform of a campaign: `publisher FOLDER SEED COMMANDS NUMBERS WINDOW`.

Publishes the planned commands within the limits of window and gate, and the statements between
them, to the broker at `AMQP_URL`; publishes a message again until the broker confirms it.
"""

import heapq
import os
import sys
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path

from pamqp import commands as amqp
from pamqp import header

from tests.campaign.planning.plan import Command, Emission, Message, commands, emissions
from tests.campaign.planning.platform import statement_emissions, statements
from tests.campaign.planning.world import build
from tests.campaign.running.counters import Counters
from tests.support.faults.amqp_wire import Confirm, ConnectionLost, Wire

CONFIRMED = "confirmed"
"""The file with a flag for each command; beside it, the file of the statements."""
STATED = "stated"
COUNTERS = "counters"
UNCONFIRMED_AT_MOST = 500
PAUSE_SECONDS = 0.01
AGAIN_SECONDS = 0.1
PROPERTIES_OFFSET = 12
"""Length of the fields before the properties: class, weight and body size."""


class Publisher:
    """Publishes the plan, with a limited number of commands that await their outcome."""

    def __init__(self, planned: Iterable[Emission], window: int, folder: Path) -> None:
        self._planned = iter(planned)
        self._window = window
        self._counters = Counters(folder / COUNTERS)
        self._confirmed: set[str] = set()
        self._next: Emission | None = next(self._planned, None)
        self._unconfirmed: dict[int, Message] = {}
        self._again: deque[Message] = deque()
        self._tag = 0

    def run(self, url: str) -> None:
        """Publishes until every message is confirmed."""
        while self._next or self._again or self._unconfirmed:
            try:
                self._publish_on(Wire(url))
            except ConnectionLost:
                self._counters["resent"] += len(self._unconfirmed)
                self._again.extend(self._unconfirmed.values())
                self._unconfirmed.clear()
                time.sleep(AGAIN_SECONDS)

    def _publish_on(self, wire: Wire) -> None:
        try:
            wire.call(amqp.Confirm.Select(), amqp.Confirm.SelectOk)
            self._tag = 0
            while self._next or self._again or self._unconfirmed:
                self._fill(wire)
                for settled in wire.pump(PAUSE_SECONDS):
                    if isinstance(settled, Confirm):
                        self._settle(settled)
                # Confirms arrive one by one: a short pause handles many at once.
                time.sleep(PAUSE_SECONDS)
        finally:
            wire.close()

    def _fill(self, wire: Wire) -> None:
        while len(self._unconfirmed) < UNCONFIRMED_AT_MOST:
            if self._again:
                self._send(wire, self._again.popleft())
            elif self._next is not None and self._allows(self._next):
                self._count(self._next)
                self._send(wire, self._next.message)
                self._next = next(self._planned, None)
            else:
                return

    def _allows(self, emission: Emission) -> bool:
        ahead = self._counters["published"] - self._counters["answered"]
        is_allowed = ahead < self._window and emission.place <= self._counters["gate"]
        return is_allowed and (
            isinstance(emission.message, Command) or not self._awaits_confirm(emission.message)
        )

    def _awaits_confirm(self, statement: Message) -> bool:
        # One after the other: otherwise a lost confirm could change their order.
        waiting = (*self._unconfirmed.values(), *self._again)
        return any(message.subject == statement.subject for message in waiting)

    def _count(self, emission: Emission) -> None:
        if emission.repeat:
            self._counters["repeated"] += 1
        elif isinstance(emission.message, Command):
            self._counters["published"] += 1
        else:
            self._counters["stated"] += 1

    def _send(self, wire: Wire, message: Message) -> None:
        self._tag += 1
        self._unconfirmed[self._tag] = message
        self._counters["sent"] += 1
        wire.publish(message.exchange, message.routing_key, _properties(message), message.body)

    def _settle(self, settled: Confirm) -> None:
        tags = [settled.tag]
        if settled.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= settled.tag]
        for tag in tags:
            message = self._unconfirmed.pop(tag)
            if not settled.is_ack:
                self._again.append(message)
                self._counters["resent"] += 1
            elif message.id not in self._confirmed:
                self._confirmed.add(message.id)
                self._counters["confirmed"] += isinstance(message, Command)

    def confirmed(self, messages: Iterable[Message]) -> bytes:
        """Whether each of them is confirmed: 1 or 0."""
        return bytes(message.id in self._confirmed for message in messages)


def _properties(message: Message) -> bytes:
    properties = amqp.Basic.Properties(
        content_type="application/cloudevents+json",
        delivery_mode=2,
        message_id=message.id,
        message_type=message.type,
    )
    return header.ContentHeader(0, 0, properties).marshal()[PROPERTIES_OFFSET:]


def main() -> None:
    """Publishes the plan and writes the flags of confirmed messages to files."""
    folder = Path(sys.argv[1])
    seed, count, numbers, window = map(int, sys.argv[2:])
    world = build(seed, numbers)
    said = statements(world, seed, commands(world, seed, count), window)
    planned = heapq.merge(
        emissions(commands(world, seed, count), seed),
        statement_emissions(said, seed),
        key=lambda emission: emission.place,
    )
    publisher = Publisher(planned, window, folder)
    publisher.run(os.environ["AMQP_URL"])
    (folder / CONFIRMED).write_bytes(publisher.confirmed(commands(world, seed, count)))
    (folder / STATED).write_bytes(publisher.confirmed(said))


if __name__ == "__main__":
    main()
