"""The groups of operations and channels, by exchange."""

from collections.abc import Mapping
from typing import Final

from activation_contracts.catalogue import (
    COMMAND_EXCHANGE,
    DEFAULT_EXCHANGE,
    DIRECTORY_EXCHANGE,
    EVENT_EXCHANGE,
    PBX_EXCHANGE,
    RESULT_EXCHANGE,
)

__all__ = ["TAGS", "tag_of"]

TAGS: Final[Mapping[str, str]] = {
    "commands": "What the web tier requests.",
    "events": "What the worker publishes for everyone who subscribes.",
    "replies": "What the worker sends to a requester alone.",
    "pbx": "What PBX systems do, and what they report.",
    "directory": "How the platform keeps the worker in step.",
    "dead_letters": "Messages that cannot be handled.",
}
"""Each group and what it is."""

_BY_EXCHANGE: Final[Mapping[str, str]] = {
    COMMAND_EXCHANGE: "commands",
    EVENT_EXCHANGE: "events",
    DEFAULT_EXCHANGE: "replies",
    PBX_EXCHANGE: "pbx",
    RESULT_EXCHANGE: "pbx",
    DIRECTORY_EXCHANGE: "directory",
}


def tag_of(exchange: str) -> str:
    """The group of the messages of an exchange."""
    return _BY_EXCHANGE[exchange]
