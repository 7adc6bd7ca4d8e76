"""What no schema says: fields of a message that must agree with each other."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from activation_contracts.catalogue import PBX_MESSAGES, definition_of
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import Previewed, Snapshot
from activation_contracts.reading import UnreadableError, read
from activation_contracts.values import Would

from tests.support.contract.sent import SENT

__all__ = ["disagreements"]

Event = Mapping[str, Any]

PREVIEWED: Final = definition_of(Previewed).type
SNAPSHOT: Final = definition_of(Snapshot).type


def disagreements(event: Event, body: bytes) -> list[str]:
    """In what the event, which keeps its schema, contradicts itself; empty if in nothing."""
    problems = [
        f"{name}: {event.get(name)!r} is not {expected!r}, as data says"
        for name, expected in (("subject", _subject(event)), ("partitionkey", _partition(event)))
        if event.get(name) != expected
    ]
    if event["type"] == PREVIEWED:
        problems += _in_preview(event["data"])
    return [*problems, *_unread(event, body)]


def _subject(event: Event) -> str | None:
    data = event["data"]
    if "phone_number" in data:
        number: str | None = data["phone_number"]
        return number
    return _partition(event)


def _partition(event: Event) -> str | None:
    """The account, which a number may not have, and the site; of a snapshot, those asked for."""
    data = event["data"]
    account_id, site_id = data.get("account_id"), data.get("site_id")
    if site_id is None or (event["type"] == SNAPSHOT and account_id is None):
        return None
    return f"{account_id or ''}/{site_id}"


def _in_preview(data: Event) -> Iterator[str]:
    for place, message in enumerate(data["messages"]):
        definition = definition_of(PBX_MESSAGES[message["type"]])
        expected = definition.routing_key.format(**message["data"])
        if message["routing_key"] != expected:
            yield (
                f"data.messages.{place}.routing_key: {message['routing_key']!r} is not {expected!r}"
            )
    is_refused = data["would"] == Would.BE_REFUSED
    if is_refused != (data["code"] is not None):
        yield f"data.code: {data['code']!r}, but it would {data['would']}"
    if is_refused and data["messages"]:
        yield f"data.messages: there are {len(data['messages'])}, but it would {data['would']}"


def _unread(event: Event, body: bytes) -> list[str]:
    accepted = {event["type"]: SENT[event["type"]].message}
    try:
        read(body, CONTENT_TYPE, accepted)
    except UnreadableError as error:
        return [f"the package of the contracts cannot read it: {error}"]
    return []
