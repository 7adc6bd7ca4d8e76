"""A building with so many accounts that every partition has commands to handle."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.support.inserts import phone_numbers, voice_service
from tests.support.platform import Event, Platform
from worker.operator.repartition import repartition
from worker.settings import Settings

ACCOUNTS = tuple(f"account-{place}" for place in range(16))
NUMBERS: Mapping[str, str] = {
    f"+4420794{account:02}{place:02}": ACCOUNTS[account]
    for account in range(len(ACCOUNTS))
    for place in range(5)
}
"""Each number and its account."""
BUILDING = (
    *(voice_service(100, account) for account in ACCOUNTS),
    *(phone_numbers(number, account_id=account) for number, account in NUMBERS.items()),
)
"""The statements that store it."""


def quiet(_: str) -> None:
    """Ignores progress messages."""


async def change(settings: Settings, partitions: int, *, wait_seconds: float = 30) -> None:
    """Changes the number of partitions, as `activation-worker partitions N` does."""
    await repartition(settings, partitions, wait_seconds=wait_seconds, report=quiet)


async def send_commands(platform: Platform, operation: str, numbers: Sequence[str]) -> list[str]:
    """Publishes a command for each number; returns their ids."""
    return [
        await platform.send(operation, number, account_id=NUMBERS[number]) for number in numbers
    ]


def is_in_sequence(events: Sequence[Event]) -> bool:
    """Whether the events of each number have consecutive sequences; ignores duplicates."""
    seen: set[str] = set()
    last: Counter[str] = Counter()
    for event in events:
        data = event["data"]
        if event["id"] in seen or "sequence" not in data:
            continue
        seen.add(event["id"])
        if data["sequence"] != last[data["phone_number"]] + 1:
            return False
        last[data["phone_number"]] += 1
    return True
