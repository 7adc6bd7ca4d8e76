"""The web tier with a stopwatch: `stopwatch PLAN`, by `AMQP_URL`.

For each line that it reads it carries out the plan's next section: publishes its commands, notes
when ACTIVE arrives for each, and writes the times as a line. At a rate it publishes by the clock,
whatever is answered: who is slow is not spared. After the last section it has heard everything that
must be said, and nothing else; otherwise it fails.
"""

import json
import os
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pamqp import commands as amqp

from contracts.values import Operation
from tests.benchmarks.broker import EVENTS, Missing
from tests.benchmarks.ledger import verify
from tests.benchmarks.wanted import EXCHANGE, Command, wanted
from tests.benchmarks.worlds import World
from tests.support.amqp_wire import Delivery, Wire

SILENCE_SECONDS = 60
PAUSE_SECONDS = 0.005
"""Between one command and the next, where each is answered before."""
TURN_SECONDS = 0.1
MILLISECONDS = 1000
ACTIVE, COMMAND_ID = b'"status":"ACTIVE"', b'"command_id":"'
DIGITS = 8


@dataclass(frozen=True, slots=True)
class Section:
    """So many commands in a second; with none, each when the one before is answered."""

    name: str
    commands: int
    a_second: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What is published."""

    world: World
    seed: int
    sections: tuple[Section, ...]

    def write(self, path: Path) -> None:
        """Keeps it for the process."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """What `write` kept."""
        told = json.loads(path.read_text(encoding="utf-8"))
        sections = tuple(Section(**item) for item in told["sections"])
        return cls(World(**told["world"]), told["seed"], sections)

    def commands(self) -> list[Command]:
        """All of them, section after section."""
        count = sum(section.commands for section in self.sections)
        return wanted(Operation.ACTIVATE, self.world, count, self.seed)


class Stopwatch:
    """Notes when each command was published and when its ACTIVE arrived."""

    def __init__(self, url: str) -> None:
        self._wire = Wire(url)
        consume = amqp.Basic.Consume(queue=EVENTS, consumer_tag="stopwatch", no_ack=True)
        self._wire.call(consume, amqp.Basic.ConsumeOk)
        self._published: dict[str, float] = {}
        self.milliseconds: dict[str, float] = {}
        self.heard: list[Delivery] = []

    def run(self, section: Section, commands: Sequence[Command]) -> list[float]:
        """How long each of the commands took."""
        if section.a_second:
            self._at_rate(commands, section.a_second)
        else:
            self._one_at_a_time(commands)
        self._until_answered(commands)
        return [self.milliseconds[command.command_id] for command in commands]

    def finish(self, commands: Sequence[Command]) -> None:
        """Hears what was said after the last ACTIVE, and looks at all of it."""
        self._listen(TURN_SECONDS)
        self._wire.close()
        verify(commands, self.heard)

    def _one_at_a_time(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self._publish(command)
            self._until_answered([command])
            time.sleep(PAUSE_SECONDS)

    def _at_rate(self, commands: Sequence[Command], a_second: int) -> None:
        waiting = deque(commands)
        began = time.monotonic()
        while waiting:
            due = began + (len(commands) - len(waiting)) / a_second
            if due > time.monotonic():
                self._listen(due - time.monotonic())
            else:
                self._publish(waiting.popleft())
                self._listen(0)

    def _until_answered(self, commands: Sequence[Command]) -> None:
        last, heard = time.monotonic(), len(self.heard)
        while any(command.command_id not in self.milliseconds for command in reversed(commands)):
            self._listen(TURN_SECONDS)
            if len(self.heard) > heard:
                last, heard = time.monotonic(), len(self.heard)
            if time.monotonic() > last + SILENCE_SECONDS:
                raise Missing(f"nothing was heard for {SILENCE_SECONDS} s")

    def _publish(self, command: Command) -> None:
        body, properties = command.body(), command.properties()
        self._published[command.command_id] = time.monotonic()
        self._wire.publish(EXCHANGE, command.routing_key, properties, body)

    def _listen(self, seconds: float) -> None:
        arrived = self._wire.pump(max(0, seconds))
        now = time.monotonic()
        for item in arrived:
            if isinstance(item, Delivery):
                self.heard.append(item)
                if ACTIVE in item.body:
                    self._note(item.body, now)

    def _note(self, body: bytes, now: float) -> None:
        start = body.index(COMMAND_ID) + len(COMMAND_ID)
        command_id = body[start : start + DIGITS].decode()
        passed = now - self._published[command_id]
        self.milliseconds.setdefault(command_id, passed * MILLISECONDS)


def main() -> None:
    """A section for each line."""
    plan = Plan.read(Path(sys.argv[1]))
    stopwatch = Stopwatch(os.environ["AMQP_URL"])
    commands = plan.commands()
    first = 0
    for number, section in enumerate(plan.sections, start=1):
        sys.stdin.readline()
        milliseconds = stopwatch.run(section, commands[first : first + section.commands])
        first += section.commands
        if number == len(plan.sections):
            stopwatch.finish(commands)
        sys.stdout.write(f"{json.dumps(milliseconds)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
