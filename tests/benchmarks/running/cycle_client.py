"""Activates and deactivates the same numbers again and again: `cycle_client PLAN`.

Reads `AMQP_URL` and `DATABASE_URL`. For each line on standard input it runs one turn: it publishes
the plan's commands and writes the turn's timing as a line. A fixed number of commands is in flight;
a number gets its next command after its last one completed and all other numbers had theirs. After
each turn every expected message must have arrived; otherwise the client fails.
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
from activation_contracts.values import Operation
from pamqp import commands as amqp

from tests.benchmarks.data.dataset import Dataset, account, phone_number
from tests.benchmarks.data.verification import WrongRun
from tests.benchmarks.data.workload import EXCHANGE, ID_DIGITS, Command
from tests.benchmarks.running.broker import OUTPUTS, MessagesMissing
from tests.support.faults.amqp_wire import Delivery, Wire

IN_FLIGHT_MAXIMUM = 600
"""The worker's prefetch: its batches are full and the queue stays short."""
POLL_SECONDS = 0.02
SILENCE_SECONDS = 60
COMMAND_ID, STATUS, KIND = b'"command_id":"', b'"status":"', b'"type":"telephony.'
ENDS = {Operation.ACTIVATE: "ACTIVE", Operation.DEACTIVATE: "RESERVED"}
RESET = "extension.reset.v1"


@dataclass(frozen=True, slots=True)
class Plan:
    """The commands of a turn."""

    dataset: Dataset
    seed: int
    commands: int
    """In each turn."""
    numbers: int
    first: int = 0
    """The first command id: an earlier run on the same database has used the lower ones."""
    warm_up: float = 0.1
    """The share of a turn's commands that passes before its clock starts."""
    separate_accounts: bool = False
    """Whether no two numbers share an account, so that no command waits for an account's lock."""

    def write(self, path: Path) -> None:
        """Writes the plan for the client process."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Reads what `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**fields, "dataset": Dataset(**fields["dataset"])})


@dataclass(frozen=True, slots=True)
class Timing:
    """When a turn was warm and when it was done, in seconds of the machine's monotonic clock."""

    warm_at: float
    done_at: float
    counted: int
    """The commands in between."""

    @property
    def commands_a_second(self) -> float:
        """The rate after the warm-up."""
        return self.counted / (self.done_at - self.warm_at)


class Cycle:
    """Publishes commands for numbers that are free, and reads the messages."""

    def __init__(self, wire: Wire, plan: Plan, free: Sequence[tuple[int, Operation]]) -> None:
        self._wire = wire
        self._plan = plan
        self._free = deque(free)
        self._in_flight: dict[int, tuple[int, Operation]] = {}
        self._sent = 0
        self._last = 0
        self._expected: Counter[str] = Counter()
        self._received: Counter[str] = Counter()

    def turn(self) -> Timing:
        """Runs the plan's commands once."""
        first = self._last
        self._last += self._plan.commands
        self._until_completed(first + round(self._plan.commands * self._plan.warm_up))
        warm_at, before = time.monotonic(), self._completed
        self._until_completed(self._last)
        timing = Timing(warm_at, time.monotonic(), self._completed - before)
        self._until_all_received()
        return timing

    @property
    def _completed(self) -> int:
        return self._sent - len(self._in_flight)

    def _until_completed(self, count: int) -> None:
        last = time.monotonic()
        while self._completed < count:
            while (
                self._free and len(self._in_flight) < IN_FLIGHT_MAXIMUM and self._sent < self._last
            ):
                self._send(*self._free.popleft())
            before = self._completed
            self._receive()
            last = time.monotonic() if self._completed > before else last
            if time.monotonic() > last + SILENCE_SECONDS:
                raise MessagesMissing(f"{len(self._in_flight):,} commands did not complete")

    def _until_all_received(self) -> None:
        last = time.monotonic()
        while self._received != self._expected:
            self._receive()
            if time.monotonic() > last + SILENCE_SECONDS or self._received - self._expected:
                raise WrongRun(
                    f"expected: {dict(self._expected)}; received: {dict(self._received)}"
                )

    def _send(self, index: int, operation: Operation) -> None:
        command_id = self._plan.first + self._sent
        command = Command(
            f"{command_id:0{ID_DIGITS}}",
            operation,
            index,
            account(index, self._plan.dataset.accounts),
        )
        self._wire.publish(EXCHANGE, command.routing_key, command.properties(), command.body())
        self._in_flight[command_id] = index, operation
        self._sent += 1
        self._expected.update(("PENDING", ENDS[operation]))
        if operation is Operation.DEACTIVATE:
            self._expected[RESET] += 1

    def _receive(self) -> None:
        for item in self._wire.pump(POLL_SECONDS):
            # A quorum queue may redeliver what an earlier client took last, although nothing needs
            # an acknowledgement. What the worker publishes twice has no such mark.
            if isinstance(item, Delivery) and not item.redelivered:
                self._count(item.body)

    def _count(self, body: bytes) -> None:
        kind = _value_after(body, STATUS) or _value_after(body, KIND)
        self._received[kind] += 1
        if kind in {"ACTIVE", "RESERVED"}:
            command_id = int(_value_after(body, COMMAND_ID))
            if command_id not in self._in_flight:
                raise WrongRun(f"{kind} arrived for command {command_id}, which is not in flight")
            index, operation = self._in_flight.pop(command_id)
            following = next(item for item in Operation if item is not operation)
            self._free.append((index, following))


def _value_after(body: bytes, mark: bytes) -> str:
    start = body.find(mark)
    if start < 0:
        return ""
    start += len(mark)
    return body[start : body.index(b'"', start)].decode()


async def _next_operations(url: str, indexes: Sequence[int]) -> list[tuple[int, Operation]]:
    """The numbers with these indexes, each with the operation that its status allows."""
    # The benchmark counts sequential scans of large tables: this query must not add one.
    connection = await asyncpg.connect(
        url.replace("+asyncpg", ""), server_settings={"enable_seqscan": "off"}
    )
    try:
        rows = await connection.fetch(
            "SELECT phone_number, status FROM phone_numbers WHERE phone_number = ANY($1)",
            [phone_number(index) for index in indexes],
        )
    finally:
        await connection.close()
    statuses = {row["phone_number"]: row["status"] for row in rows}
    allowed = {"RESERVED": Operation.ACTIVATE, "ACTIVE": Operation.DEACTIVATE}
    return [(index, allowed[statuses[phone_number(index)]]) for index in indexes]


def _chosen(plan: Plan) -> list[int]:
    indexes = list(range(plan.dataset.plain))
    random.Random(f"numbers {plan.seed} {plan.first}").shuffle(indexes)
    if plan.separate_accounts:
        indexes = list({index % plan.dataset.accounts: index for index in indexes}.values())
    return indexes[: plan.numbers]


def main() -> None:
    """Runs a turn for each line."""
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
