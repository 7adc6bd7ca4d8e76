"""Verifies that the published messages are the expected ones; a wrong run gives no figure."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from pydantic_core import from_json

from tests.benchmarks.data.workload import Command, expected_messages
from tests.support.contract.bodies import SampleCheck
from tests.support.faults.amqp_wire import Delivery

SHOWN_AT_MOST = 5


class WrongRun(Exception):
    """A message is missing, was published twice, was not expected, or breaks the contracts."""


def verify(commands: Iterable[Command], deliveries: Iterable[Delivery]) -> None:
    """Raises `WrongRun` unless each command has exactly its expected messages, each once.

    Of each kind of message it compares the first ones with the contracts.
    """
    published: Counter[tuple[str, str]] = Counter()
    contract = SampleCheck()
    for delivery in deliveries:
        command_id, kind = _identify(delivery)
        published[command_id, kind] += 1
        if problems := contract.problems(kind, delivery.body):
            raise WrongRun(f"{kind} of {command_id} breaks the contracts: {'; '.join(problems)}")
    expected = expected_messages(commands)
    if published != expected:
        missing, unexpected = _describe(expected - published), _describe(published - expected)
        raise WrongRun(f"missing: {missing}; unexpected: {unexpected}")


def _identify(delivery: Delivery) -> tuple[str, str]:
    event: Any = from_json(delivery.body)
    data = event["data"]
    status = data.get("status")
    kind = status or event["type"].removeprefix("telephony.").removesuffix(".v1")
    return data["command_id"], data.get("code") or kind


def _describe(counted: Counter[tuple[str, str]]) -> str:
    shown = [f"{command} {kind}" for command, kind in list(counted)[:SHOWN_AT_MOST]]
    return f"{counted.total():,} ({', '.join(shown)})" if shown else "none"
