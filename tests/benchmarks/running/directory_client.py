"""Publishes directory messages by the clock, and waits until they are stored.

`directory_client PLAN` reads `AMQP_URL` and `DATABASE_URL`. For each line on standard input it runs
the next section, and writes how that went as a line.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import asyncpg

from tests.benchmarks.data.dataset import Dataset
from tests.benchmarks.data.records import EXCHANGE, Statement, plan_statements, properties
from tests.benchmarks.running.broker import MessagesMissing
from tests.support.faults.amqp_wire import Wire

SILENCE_SECONDS = 60
POLL_SECONDS = 0.02
STORED = "SELECT count(*) FROM record_versions"
"""A record has a version if it was applied: neither in conflict, nor waiting, nor unreadable."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All sections, for one dataset."""

    dataset: Dataset
    sections: int
    messages: int
    """In each section."""
    a_second: int

    def write(self, path: Path) -> None:
        """Writes the plan for the client process."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Plan":
        """Reads what `write` wrote."""
        fields = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**fields, "dataset": Dataset(**fields["dataset"])})


@dataclass(frozen=True, slots=True)
class Stated:
    """How a section went."""

    seconds_published: float
    seconds_stored: float
    """From the first message until all were applied."""


def publish(wire: Wire, statements: Sequence[Statement], a_second: int) -> None:
    """Publishes these messages by the clock."""
    encoded, began = properties(), time.monotonic()
    for number, statement in enumerate(statements):
        pause = began + number / a_second - time.monotonic()
        if pause > 0:
            wire.pump(0)
            time.sleep(pause)
        wire.publish(EXCHANGE, statement.routing_key, encoded, statement.body)
    # An idle connection has nothing to read: the pauses only let the last ones be sent.
    for _ in range(10):
        wire.pump(POLL_SECONDS / 10)


async def until_stored(database: asyncpg.Connection, due: int) -> None:
    """Waits until this many records have been applied."""
    last, before = time.monotonic(), -1
    while (stored := await database.fetchval(STORED)) < due:
        if stored > before:
            last, before = time.monotonic(), stored
        if time.monotonic() > last + SILENCE_SECONDS:
            raise MessagesMissing(f"{stored:,} of {due:,} records are stored")
        await asyncio.sleep(POLL_SECONDS)


async def main() -> None:
    """Runs a section for each line."""
    plan = Plan.read(Path(sys.argv[1]))
    statements = plan_statements(plan.dataset, plan.sections * plan.messages)
    wire = Wire(os.environ["AMQP_URL"])
    database = await asyncpg.connect(os.environ["DATABASE_URL"].replace("+asyncpg", ""))
    for section in range(plan.sections):
        sys.stdin.readline()
        began, first = time.monotonic(), section * plan.messages
        publish(wire, statements[first : first + plan.messages], plan.a_second)
        published = time.monotonic() - began
        await until_stored(database, first + plan.messages)
        sys.stdout.write(f"{json.dumps(asdict(Stated(published, time.monotonic() - began)))}\n")
        sys.stdout.flush()
    wire.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main())
