"""A building with many accounts, so that every partition has something to do."""

from collections import Counter
from collections.abc import Mapping, Sequence

from tests.support.platform import Event, Platform
from worker.operator.repartition import repartition
from worker.settings import Settings

ACCOUNTS = tuple(f"account-{place}" for place in range(16))
NUMBERS: Mapping[str, str] = {
    f"+4420794{account:02}{place:02}": ACCOUNTS[account]
    for account in range(len(ACCOUNTS))
    for place in range(5)
}
"""Each number with its account."""
BUILDING = (
    "INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity) VALUES "
    + ", ".join(f"('{account}', '{account}', 'occupier', 'london', 100)" for account in ACCOUNTS),
    "INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES "
    + ", ".join(
        f"('{number}', 'london', '{account}', 'RESERVED')" for number, account in NUMBERS.items()
    ),
)
"""The statements that make it."""


def quiet(_: str) -> None:
    """Shows the operator nothing."""


async def change(settings: Settings, partitions: int, *, wait_seconds: float = 30) -> None:
    """What `activation-worker partitions N` does."""
    await repartition(settings, partitions, wait_seconds=wait_seconds, tell=quiet)


async def asked(platform: Platform, operation: str, numbers: Sequence[str]) -> list[str]:
    """Sends a command for each number; their ids."""
    return [
        await platform.send(operation, number, account_id=NUMBERS[number]) for number in numbers
    ]


def in_order(events: Sequence[Event]) -> bool:
    """Whether each number's news came in the order of its sequence, repeats left out."""
    heard: set[str] = set()
    last: Counter[str] = Counter()
    for event in events:
        data = event["data"]
        if event["id"] in heard or "sequence" not in data:
            continue
        heard.add(event["id"])
        if data["sequence"] != last[data["phone_number"]] + 1:
            return False
        last[data["phone_number"]] += 1
    return True
