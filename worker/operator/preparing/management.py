"""Reads RabbitMQ's management API, which shows what AMQP does not."""

import json
from collections.abc import Sequence
from typing import Any, Final, Literal
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from worker.runtime.mistakes import Mistake
from worker.settings import Settings

__all__ = ["Item", "read_management"]

TIMEOUT_SECONDS: Final = 10

Item = dict[str, Any]


async def read_management(
    settings: Settings, kind: Literal["queues", "exchanges", "bindings"], columns: Sequence[str]
) -> Sequence[Item]:
    """All objects of this kind in the virtual host of AMQP_URL. Raises `Mistake`."""
    account = urlsplit(settings.amqp_urls[0])
    virtual_host = unquote(account.path[1:]) or "/"
    url = f"{settings.management_url}/api/{kind}/{quote(virtual_host, safe='')}"
    login = aiohttp.encode_basic_auth(
        *(unquote(part or "guest") for part in (account.username, account.password))
    )
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(headers={"Authorization": login}, timeout=timeout) as client,
            client.get(url, params={"columns": ",".join(columns)}) as response,
        ):
            response.raise_for_status()
            items: list[Item] = await response.json()
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
    return items
