"""Judges the version of the broker."""

import re
from collections.abc import Sequence
from typing import Final

from aio_pika.abc import AbstractConnection

from worker.broker.connecting.connection import BrokerRefused

__all__ = ["NEWEST_TESTED_VERSION", "OLDEST_VERSION", "judge_version", "require_version"]

OLDEST_VERSION: Final = (3, 10)
"""The first one whose quorum queues dead-letter at least once."""
NEWEST_TESTED_VERSION: Final = (4, 0)


def require_version(connection: AbstractConnection) -> Sequence[str]:
    """Like `judge_version`, for the broker of this connection."""
    transport = connection.transport
    properties = transport.connection.server_properties if transport else {}
    found = properties.get("version", "")
    return judge_version(found.decode() if isinstance(found, bytes) else str(found))


def judge_version(found: str) -> Sequence[str]:
    """Returns what an operator must know of this version of the broker.

    Raises `BrokerRefused` if it is too old.
    """
    match = re.match(r"(\d+)\.(\d+)", found)
    if match is None:
        return [
            f"RabbitMQ does not say its version ({found!r}): make sure that it is 3.10 or newer."
        ]
    number = int(match[1]), int(match[2])
    if number < OLDEST_VERSION:
        raise BrokerRefused(
            f"RabbitMQ {found} can lose dead letters, which 3.10 and later keep: upgrade the broker"
        )
    if number > NEWEST_TESTED_VERSION:
        newest = ".".join(map(str, NEWEST_TESTED_VERSION))
        risk = (
            f"RabbitMQ {found} is newer than {newest}, the newest that this release is tested with:"
            " try it outside production first."
        )
        return [risk]
    return []
