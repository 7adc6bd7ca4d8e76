"""Reads the policies of our queues from the management API, which AMQP does not show."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from worker.runtime.mistakes import Mistake
from worker.settings import Settings

__all__ = ["HARMFUL_KEYS", "require_harmless_policies"]

TIMEOUT_SECONDS: Final = 10
HARMFUL_KEYS: Final = frozenset(
    {"message-ttl", "expires", "delivery-limit", "max-length", "max-length-bytes"}
    | {"overflow", "dead-letter-exchange", "dead-letter-routing-key", "dead-letter-strategy"}
)
"""Keys of policies that make a queue lose, refuse or move messages."""


async def require_harmless_policies(settings: Settings, queues: Iterable[str]) -> None:
    """Raises `Mistake` if a policy can make one of these queues lose or refuse messages."""
    found = await _policies(settings)
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


def _harmful_keys(queue: Mapping[str, Any]) -> str:
    definition = queue.get("effective_policy_definition") or {}
    return ", ".join(sorted(HARMFUL_KEYS & {*definition}))


async def _policies(settings: Settings) -> list[dict[str, Any]]:
    account = urlsplit(settings.amqp_urls[0])
    virtual_host = unquote(account.path[1:]) or "/"
    url = f"{settings.management_url}/api/queues/{quote(virtual_host, safe='')}"
    login = aiohttp.encode_basic_auth(
        *(unquote(part or "guest") for part in (account.username, account.password))
    )
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    columns = "name,policy,operator_policy,effective_policy_definition"
    try:
        async with (
            aiohttp.ClientSession(headers={"Authorization": login}, timeout=timeout) as client,
            client.get(url, params={"columns": columns}) as response,
        ):
            response.raise_for_status()
            queues: list[dict[str, Any]] = await response.json()
    except aiohttp.ClientResponseError as error:
        raise Mistake(
            f"The management API of RabbitMQ answers {error.status}: WORKER_MANAGEMENT_URL must be"
            " its address, and the user of AMQP_URL needs the tag `management`."
        ) from None
    except (aiohttp.ClientError, TimeoutError, json.JSONDecodeError) as error:
        raise Mistake(
            f"The management API of RabbitMQ cannot be read ({type(error).__name__}): correct"
            " WORKER_MANAGEMENT_URL, or leave it out."
        ) from None
    return queues
