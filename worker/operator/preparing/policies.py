"""Reads the policies of our queues from the management API."""

from collections.abc import Iterable
from typing import Final

from worker.broker.connecting.connection import connect, ready_by_queue
from worker.operator.preparing.management import Item, read_management
from worker.runtime.mistakes import Mistake
from worker.settings import Settings

__all__ = ["HARMFUL_KEYS", "describe_limits", "require_harmless_policies"]

HARMFUL_KEYS: Final = frozenset(
    {"message-ttl", "expires", "delivery-limit", "max-length", "max-length-bytes"}
    | {"overflow", "dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy"}
)
"""Keys of policies that make a queue lose, refuse or move messages."""
LIMITS: Final = ("max-length", "max-length-bytes")
"""Those that make our queues full, so that they refuse messages."""
COLUMNS: Final = ("name", "policy", "operator_policy", "effective_policy_definition")


async def require_harmless_policies(settings: Settings, queues: Iterable[str]) -> None:
    """Raises `Mistake` if a policy can make one of these queues lose or refuse messages."""
    found = await read_management(settings, "queues", COLUMNS)
    harmful = [
        f"policy {_policy(queue)!r} on {queue['name']}: {keys}"
        for queue in found
        if queue["name"] in {*queues} and (keys := _harmful_keys(queue))
    ]
    if harmful:
        raise Mistake(
            f"Policies make queues lose or refuse messages: {'; '.join(harmful)}. Let their"
            " patterns leave out the queues that begin with `telephony.` and `pbx.`."
        )


async def describe_limits(settings: Settings, queue: str) -> str:
    """Sentences about what is known of a queue that refuses messages: its depth, and its limits.

    AMQP shows only the depth.
    """
    async with await connect(settings.amqp_urls) as connection:
        depth = (await ready_by_queue(connection, [queue])).get(queue)
    held = f"It holds {depth} messages." if depth is not None else "It cannot be looked at."
    if not settings.management_url:
        return f"{held} AMQP shows no limit: set WORKER_MANAGEMENT_URL, or list the policies."
    found = await read_management(settings, "queues", COLUMNS)
    limits = [
        f"policy {_policy(item)!r} sets {key} {value}"
        for item in found
        if item["name"] == queue
        for key, value in sorted((item.get("effective_policy_definition") or {}).items())
        if key in LIMITS
    ]
    return f"{held} {'; '.join(limits) or 'No policy limits it'}."


def _policy(queue: Item) -> str:
    return str(queue["policy"] or queue["operator_policy"])


def _harmful_keys(queue: Item) -> str:
    definition = queue.get("effective_policy_definition") or {}
    return ", ".join(sorted(HARMFUL_KEYS & {*definition}))
