"""The groups of messages, in the order of the reference."""

from collections.abc import Mapping
from typing import Final

from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.documents.asyncapi.tags import TAGS, tag_of

__all__ = ["GROUPS", "group_of", "meaning_of", "rows_of"]

GROUPS: Final[Mapping[str, str]] = {
    "commands": "Commands and reports",
    "events": "Events",
    "replies": "Replies",
    "pbx": "PBX messages and results",
    "directory": "Directory messages",
}
"""The headings, by the tag of the messages."""


def group_of(row: MessageDefinition) -> str:
    """The heading of the group of a message."""
    return GROUPS[tag_of(row.exchange)]


def rows_of(group: str) -> tuple[MessageDefinition, ...]:
    """The messages of a group, by its heading."""
    return tuple(row for row in CATALOGUE if group_of(row) == group)


def meaning_of(group: str) -> str:
    """What the messages of a group are."""
    (tag,) = (tag for tag, heading in GROUPS.items() if heading == group)
    return TAGS[tag]
