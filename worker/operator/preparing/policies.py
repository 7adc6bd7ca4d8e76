"""Reads the policies of our queues from the management API."""

from collections.abc import Iterable
from typing import Final

from worker.operator.preparing.management import Item, read_management
from worker.runtime.mistakes import Mistake
from worker.settings import Settings

__all__ = ["HARMFUL_KEYS", "require_harmless_policies"]

HARMFUL_KEYS: Final = frozenset(
    {"message-ttl", "expires", "delivery-limit", "max-length", "max-length-bytes"}
    | {"overflow", "dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy"}
)
"""Keys of policies that make a queue lose, refuse or move messages."""


async def require_harmless_policies(settings: Settings, queues: Iterable[str]) -> None:
    """Raises `Mistake` if a policy can make one of these queues lose or refuse messages."""
    columns = ("name", "policy", "operator_policy", "effective_policy_definition")
    found = await read_management(settings, "queues", columns)
    harmful = [
        f"policy {queue['policy'] or queue['operator_policy']!r} on {queue['name']}: {keys}"
        for queue in found
        if queue["name"] in {*queues} and (keys := _harmful_keys(queue))
    ]
    if harmful:
        raise Mistake(
            f"Policies make queues lose or refuse messages: {'; '.join(harmful)}. Let their"
            " patterns leave out the queues that begin with `telephony.` and `pbx.`."
        )


def _harmful_keys(queue: Item) -> str:
    definition = queue.get("effective_policy_definition") or {}
    return ", ".join(sorted(HARMFUL_KEYS & {*definition}))
