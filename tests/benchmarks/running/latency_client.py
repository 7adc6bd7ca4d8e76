"""Measures the time from a command to its ACTIVE, as the web tier sees it: `latency_client PLAN`.

Reads `AMQP_URL`. For each line on standard input it runs the plan's next section: it publishes the
commands, notes when ACTIVE arrives for each, and writes the times as a line. At a rate it publishes
by the clock, whether or not earlier commands are answered. After the last section exactly the
expected messages must have arrived; otherwise the client fails.
"""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from activation_contracts.values import Operation
from pamqp import commands as amqp

from tests.benchmarks.data.dataset import Dataset
from tests.benchmarks.data.verification import verify
from tests.benchmarks.data.workload import EXCHANGE, ID_DIGITS, Command, plan_commands
from tests.benchmarks.running.broker import EVENTS, MessagesMissing
from tests.support.faults.amqp_wire import Delivery, Wire

SILENCE_SECONDS = 60
PAUSE_SECONDS = 0.005
"""Between an answer and the next command, one at a time."""
POLL_SECONDS = 0.1
MILLISECONDS = 1000
ACTIVE, COMMAND_ID = b'"status":"ACTIVE"', b'"command_id":"'


@dataclass(frozen=True, slots=True)
class Section:
    """A number of commands at a rate; without a rate each follows the previous answer."""

    name: str
    commands: int
    a_second: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """All sections, for one dataset."""

    dataset: Dataset
    seed: int
    sections: tuple[Section, ...]

    def write(self, path: Path) -> None:
        """Writes the plan for the client process."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Reads what `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        sections = tuple(Section(**item) for item in fields["sections"])
        return cls(Dataset(**fields["dataset"]), fields["seed"], sections)

    def commands(self) -> list[Command]:
        """The commands of all sections, in order."""
        count = sum(section.commands for section in self.sections)
        return plan_commands(Operation.ACTIVATE, self.dataset, count, self.seed)


class LatencyClient:
    """Publishes commands and notes when the ACTIVE of each arrives."""

    def __init__(self, url: str) -> None:
        self._wire = Wire(url)
        consume = amqp.Basic.Consume(queue=EVENTS, consumer_tag="latency", no_ack=True)
        self._wire.call(consume, amqp.Basic.ConsumeOk)
        self._published_at: dict[str, float] = {}
        self._milliseconds: dict[str, float] = {}
        self._received: list[Delivery] = []

    def run(self, section: Section, commands: Sequence[Command]) -> list[float]:
        """Publishes the commands of a section; returns the milliseconds that each took."""
        if section.a_second:
            self._publish_at_rate(commands, section.a_second)
        else:
            self._publish_one_at_a_time(commands)
        self._until_answered(commands)
        return [self._milliseconds[command.command_id] for command in commands]

    def finish(self, commands: Sequence[Command]) -> None:
        """Waits shortly for further messages and verifies all of them."""
        self._receive(POLL_SECONDS)
        self._wire.close()
        verify(commands, self._received)

    def _publish_one_at_a_time(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self._publish(command)
            self._until_answered([command])
            time.sleep(PAUSE_SECONDS)

    def _publish_at_rate(self, commands: Sequence[Command], a_second: int) -> None:
        waiting = deque(commands)
        began = time.monotonic()
        while waiting:
            due = began + (len(commands) - len(waiting)) / a_second
            if due > time.monotonic():
                self._receive(due - time.monotonic())
            else:
                self._publish(waiting.popleft())
                self._receive(0)

    def _until_answered(self, commands: Sequence[Command]) -> None:
        last, received = time.monotonic(), len(self._received)
        while any(command.command_id not in self._milliseconds for command in reversed(commands)):
            self._receive(POLL_SECONDS)
            if len(self._received) > received:
                last, received = time.monotonic(), len(self._received)
            if time.monotonic() > last + SILENCE_SECONDS:
                raise MessagesMissing(f"no message arrived in {SILENCE_SECONDS} s")

    def _publish(self, command: Command) -> None:
        body, properties = command.body(), command.properties()
        self._published_at[command.command_id] = time.monotonic()
        self._wire.publish(EXCHANGE, command.routing_key, properties, body)

    def _receive(self, seconds: float) -> None:
        arrived = self._wire.pump(max(0, seconds))
        now = time.monotonic()
        for item in arrived:
            if isinstance(item, Delivery):
                self._received.append(item)
                if ACTIVE in item.body:
                    self._note_answer(item.body, now)

    def _note_answer(self, body: bytes, now: float) -> None:
        start = body.index(COMMAND_ID) + len(COMMAND_ID)
        command_id = body[start : start + ID_DIGITS].decode()
        passed = now - self._published_at[command_id]
        self._milliseconds.setdefault(command_id, passed * MILLISECONDS)


def main() -> None:
    """Runs a section for each line."""
    plan = Plan.read(Path(sys.argv[1]))
    client = LatencyClient(os.environ["AMQP_URL"])
    commands = plan.commands()
    first = 0
    for number, section in enumerate(plan.sections, start=1):
        sys.stdin.readline()
        milliseconds = client.run(section, commands[first : first + section.commands])
        first += section.commands
        if number == len(plan.sections):
            client.finish(commands)
        sys.stdout.write(f"{json.dumps(milliseconds)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
