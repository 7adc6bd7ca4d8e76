"""Publishes a burst of commands as fast as the broker confirms them: `burst_client PLAN`.

Reads `AMQP_URL`. For a line on standard input it publishes all, and then answers with a line.
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import account
from tests.benchmarks.data.workload import Command
from tests.benchmarks.running.broker import preload

__all__ = ["ACCOUNTS", "BURST_IDS", "CLICK_IDS", "Burst", "activations"]

ACCOUNTS = 4
"""Accounts of the dataset. Its RESERVED numbers are even: every second one is of account 0, which
publishes the burst, and the others are of account 2, for which people click."""
BURST_IDS, CLICK_IDS = 10_000_000, 20_000_000


@dataclass(frozen=True, slots=True)
class Burst:
    """Activations of one account."""

    commands: int
    bulk: bool

    def write(self, path: Path) -> None:
        """Writes the plan for the client process."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")


def activations(first_id: int, count: int) -> list[Command]:
    """Activations of the burst's account, or of the account for which people click."""
    offset = 0 if first_id == BURST_IDS else ACCOUNTS // 2
    indexes = (place * ACCOUNTS + offset for place in range(count))
    return [
        Command(f"{first_id + place:08}", Operation.ACTIVATE, index, account(index, ACCOUNTS))
        for place, index in enumerate(indexes)
    ]


def main() -> None:
    """Publishes the burst when it is told to."""
    burst = Burst(**json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    commands = activations(BURST_IDS, burst.commands)
    sys.stdin.readline()
    preload(os.environ["AMQP_URL"], commands, bulk=burst.bulk)
    sys.stdout.write("published\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
