"""Whether what was heard is what must be said: a wrong run is an error, not a figure."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

from tests.benchmarks.wanted import Command, said_of
from tests.support.amqp_wire import Delivery

SHOWN_AT_MOST = 5


class WrongRun(Exception):
    """Something is missing, was said twice, or should not have been said."""


def verify(commands: Iterable[Command], deliveries: Iterable[Delivery]) -> None:
    """Raises `WrongRun` unless each command was answered with all that it asks for, once."""
    heard = Counter(map(_told, deliveries))
    due = said_of(commands)
    if heard != due:
        raise WrongRun(f"missing: {_some(due - heard)}; too much: {_some(heard - due)}")


def _told(delivery: Delivery) -> tuple[str, str]:
    event: Any = from_json(delivery.body)
    data = event["data"]
    status = data.get("status")
    kind = status or event["type"].removeprefix("telephony.").removesuffix(".v1")
    return data["command_id"], data.get("code") or kind


def _some(counted: Counter[tuple[str, str]]) -> str:
    shown = [f"{command} {word}" for command, word in list(counted)[:SHOWN_AT_MOST]]
    return f"{counted.total():,} ({', '.join(shown)})" if shown else "nothing"
