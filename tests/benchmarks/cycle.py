"""Numbers put into use and out of it, again and again: `cycle PLAN`.

By `AMQP_URL` and `DATABASE_URL`. For each line that it reads it takes a turn: it carries out the
plan's commands once more, and writes their course as a line. It keeps a fixed number of commands
without an answer; a number gets its next command when it has answered the last, and all others had
theirs. At the end of each turn everything that must be said was said; otherwise it fails.
"""

import asyncio
import json
import os
import random
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg
from pamqp import commands as amqp

from contracts.values import Operation
from tests.benchmarks.broker import OUTPUTS, Missing
from tests.benchmarks.ledger import WrongRun
from tests.benchmarks.wanted import EXCHANGE, Command
from tests.benchmarks.worlds import World, account, phone_number
from tests.support.amqp_wire import Delivery, Wire

WINDOW = 600
"""As many as the worker prefetches: its batches are full, and the queue is short."""
TURN_SECONDS = 0.02
SILENCE_SECONDS = 60
COMMAND_ID, STATUS, KIND = b'"command_id":"', b'"status":"', b'"type":"telephony.'
DIGITS = 8
ENDS = {Operation.ACTIVATE: "ACTIVE", Operation.DEACTIVATE: "RESERVED"}
RESET = "extension.reset.v1"


@dataclass(frozen=True, slots=True)
class Plan:
    """How many commands, on how many numbers of which world."""

    world: World
    seed: int
    commands: int
    """In a turn."""
    numbers: int
    first: int = 0
    """The first command's id: an earlier run on the same database has used those below."""
    warm_up: float = 0.1
    """The part of a turn's commands that is carried out before its clock runs."""
    apart: bool = False
    """Whether no two of the numbers have an account in common: then nobody waits for its lock."""

    def write(self, path: Path) -> None:
        """Keeps it for the process."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """What `write` kept."""
        told = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**told, "world": World(**told["world"])})


@dataclass(frozen=True, slots=True)
class Course:
    """When it was warm and when it was done, by the machine's monotonic clock."""

    warm_at: float
    done_at: float
    counted: int
    """The commands in between."""

    @property
    def commands_a_second(self) -> float:
        """The rate when warm."""
        return self.counted / (self.done_at - self.warm_at)


class Cycle:
    """Commands on their way round."""

    def __init__(self, wire: Wire, plan: Plan, free: Sequence[tuple[int, Operation]]) -> None:
        self._wire = wire
        self._plan = plan
        self._free = deque(free)
        self._waiting: dict[int, tuple[int, Operation]] = {}
        self._sent = 0
        self._last = 0
        self._due: Counter[str] = Counter()
        self._heard: Counter[str] = Counter()

    def turn(self) -> Course:
        """Carries out as many commands as the plan says."""
        first = self._last
        self._last += self._plan.commands
        self._until_answered(first + round(self._plan.commands * self._plan.warm_up))
        warm_at, before = time.monotonic(), self._answered
        self._until_answered(self._last)
        course = Course(warm_at, time.monotonic(), self._answered - before)
        self._until_all_heard()
        return course

    @property
    def _answered(self) -> int:
        return self._sent - len(self._waiting)

    def _until_answered(self, count: int) -> None:
        last = time.monotonic()
        while self._answered < count:
            while self._free and len(self._waiting) < WINDOW and self._sent < self._last:
                self._send(*self._free.popleft())
            before = self._answered
            self._listen()
            last = time.monotonic() if self._answered > before else last
            if time.monotonic() > last + SILENCE_SECONDS:
                raise Missing(f"{len(self._waiting):,} commands stayed without an answer")

    def _until_all_heard(self) -> None:
        last = time.monotonic()
        while self._heard != self._due:
            self._listen()
            if time.monotonic() > last + SILENCE_SECONDS or self._heard - self._due:
                raise WrongRun(f"due: {dict(self._due)}; heard: {dict(self._heard)}")

    def _send(self, place: int, operation: Operation) -> None:
        number = self._plan.first + self._sent
        command = Command(
            f"{number:08}", operation, place, account(place, self._plan.world.accounts)
        )
        self._wire.publish(EXCHANGE, command.routing_key, command.properties(), command.body())
        self._waiting[number] = place, operation
        self._sent += 1
        self._due.update(("PENDING", ENDS[operation]))
        if operation is Operation.DEACTIVATE:
            self._due[RESET] += 1

    def _listen(self) -> None:
        for item in self._wire.pump(TURN_SECONDS):
            # A quorum queue may take back what it gave to the plan before at its very end, though
            # nobody has to acknowledge it. What the worker says twice is not marked so.
            if isinstance(item, Delivery) and not item.redelivered:
                self._take(item.body)

    def _take(self, body: bytes) -> None:
        word = _after(body, STATUS) or _after(body, KIND)
        self._heard[word] += 1
        if word in {"ACTIVE", "RESERVED"}:
            number = int(_after(body, COMMAND_ID))
            if number not in self._waiting:
                raise WrongRun(f"{word} was said of command {number}, which awaits nothing")
            place, operation = self._waiting.pop(number)
            following = next(item for item in Operation if item is not operation)
            self._free.append((place, following))


def _after(body: bytes, mark: bytes) -> str:
    start = body.find(mark)
    if start < 0:
        return ""
    start += len(mark)
    return body[start : body.index(b'"', start)].decode()


async def _next_operations(url: str, places: Sequence[int]) -> list[tuple[int, Operation]]:
    """The numbers at these places, each with what can be done to it now."""
    # The benchmark counts how often large tables are read whole: not by itself.
    connection = await asyncpg.connect(
        url.replace("+asyncpg", ""), server_settings={"enable_seqscan": "off"}
    )
    try:
        rows = await connection.fetch(
            "SELECT phone_number, status FROM phone_numbers WHERE phone_number = ANY($1)",
            [phone_number(place) for place in places],
        )
    finally:
        await connection.close()
    states = {row["phone_number"]: row["status"] for row in rows}
    active = Operation.DEACTIVATE, Operation.ACTIVATE
    return [(place, active[states[phone_number(place)] == "RESERVED"]) for place in places]


def _chosen(plan: Plan) -> list[int]:
    places = list(range(plan.world.plain))
    random.Random(f"numbers {plan.seed} {plan.first}").shuffle(places)
    if plan.apart:
        places = list({place % plan.world.accounts: place for place in places}.values())
    return places[: plan.numbers]


def main() -> None:
    """A turn for each line."""
    plan = Plan.read(Path(sys.argv[1]))
    free = asyncio.run(_next_operations(os.environ["DATABASE_URL"], _chosen(plan)))
    wire = Wire(os.environ["AMQP_URL"])
    for queue in OUTPUTS:
        consume = amqp.Basic.Consume(queue=queue, consumer_tag=queue, no_ack=True)
        wire.call(consume, amqp.Basic.ConsumeOk)
    cycle = Cycle(wire, plan, free)
    for _ in sys.stdin:
        sys.stdout.write(f"{json.dumps(asdict(cycle.turn()))}\n")
        sys.stdout.flush()
    wire.close()


if __name__ == "__main__":
    main()
