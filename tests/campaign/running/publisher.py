"""The web tier of a campaign: `publisher FOLDER SEED COMMANDS NUMBERS WINDOW`, by `AMQP_URL`.

Publishes the planned commands within the limits of window and gate, and publishes a command again
until the broker confirms it.
"""

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from pamqp import commands as amqp
from pamqp import header

from tests.campaign.planning.plan import Command, Emission, commands, emissions
from tests.campaign.planning.world import build
from tests.campaign.running.counters import Counters
from tests.support.faults.amqp_wire import Confirm, ConnectionLost, Wire

EXCHANGE = "telephony.commands"
CONFIRMED = "confirmed"
COUNTERS = "counters"
UNCONFIRMED_AT_MOST = 500
PAUSE_SECONDS = 0.01
AGAIN_SECONDS = 0.1
PROPERTIES_OFFSET = 12
"""Length of the fields before the properties: class, weight and body size."""


class Publisher:
    """Publishes the plan, with a limited number of commands that await their outcome."""

    def __init__(self, planned: Iterator[Emission], count: int, window: int, folder: Path) -> None:
        self._planned = planned
        self._window = window
        self._counters = Counters(folder / COUNTERS)
        self._confirmed = bytearray(count)
        self._next: Emission | None = next(planned, None)
        self._unconfirmed: dict[int, Command] = {}
        self._again: deque[Command] = deque()
        self._tag = 0

    def run(self, url: str) -> bytes:
        """Publishes until every command is confirmed; returns a flag for each command."""
        while self._next or self._again or self._unconfirmed:
            try:
                self._publish_on(Wire(url))
            except ConnectionLost:
                self._counters["resent"] += len(self._unconfirmed)
                self._again.extend(self._unconfirmed.values())
                self._unconfirmed.clear()
                time.sleep(AGAIN_SECONDS)
        return bytes(self._confirmed)

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
                self._send(wire, self._next.command)
                self._next = next(self._planned, None)
            else:
                return

    def _allows(self, emission: Emission) -> bool:
        ahead = self._counters["published"] - self._counters["answered"]
        return ahead < self._window and emission.place <= self._counters["gate"]

    def _count(self, emission: Emission) -> None:
        self._counters["repeated" if emission.repeat else "published"] += 1

    def _send(self, wire: Wire, command: Command) -> None:
        self._tag += 1
        self._unconfirmed[self._tag] = command
        self._counters["sent"] += 1
        wire.publish(
            EXCHANGE, f"phone_number.{command.operation}", _properties(command), command.body
        )

    def _settle(self, settled: Confirm) -> None:
        tags = [settled.tag]
        if settled.multiple:
            tags = [tag for tag in self._unconfirmed if tag <= settled.tag]
        for tag in tags:
            command = self._unconfirmed.pop(tag)
            if not settled.is_ack:
                self._again.append(command)
                self._counters["resent"] += 1
            elif not self._confirmed[command.position]:
                self._confirmed[command.position] = 1
                self._counters["confirmed"] += 1


def _properties(command: Command) -> bytes:
    properties = amqp.Basic.Properties(
        content_type="application/cloudevents+json",
        delivery_mode=2,
        message_id=command.id,
        message_type=command.type,
    )
    return header.ContentHeader(0, 0, properties).marshal()[PROPERTIES_OFFSET:]


def main() -> None:
    """Publishes the plan and writes the flags of confirmed commands to a file."""
    folder = Path(sys.argv[1])
    seed, count, numbers, window = map(int, sys.argv[2:])
    planned = emissions(commands(build(seed, numbers), seed, count), seed)
    confirmed = Publisher(planned, count, window, folder).run(os.environ["AMQP_URL"])
    (folder / CONFIRMED).write_bytes(confirmed)


if __name__ == "__main__":
    main()
