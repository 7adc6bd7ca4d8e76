"""Checks every message that a test receives with aio-pika, wherever it comes from."""

from collections.abc import Iterator
from typing import Any

import pytest
from aio_pika.message import IncomingMessage
from aiormq.abc import DeliveredMessage

from tests.support.contract.deliveries import Seen, problems_of

__all__ = ["ContractCheck", "contract_check"]


class ContractCheck:
    """Collects what is wrong with the messages that were received."""

    def __init__(self) -> None:
        self.violations: list[str] = []
        self.is_off = False
        """For tests that let the worker publish what it never would."""

    def receive(self, message: DeliveredMessage) -> None:
        """Checks a message."""
        seen = _seen(message)
        if seen is None or self.is_off:
            return
        self.violations += [
            f"{problem}\n    in {seen.body[:2000]!r} by {seen.routing_key!r}"
            for problem in problems_of(seen)
        ]

    def close(self) -> None:
        """Raises AssertionError if a message broke the contracts."""
        if self.violations:
            raise AssertionError("\n".join(["messages broke the contracts:", *self.violations]))


def _seen(message: DeliveredMessage) -> Seen | None:
    delivery: Any = message.delivery
    exchange, routing_key = delivery.exchange, delivery.routing_key
    return Seen(exchange or "", routing_key or "", message.header.properties, message.body)


@pytest.fixture(autouse=True)
def contract_check(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ContractCheck]:
    """Fails a test that has received a message which breaks the contracts."""
    check = ContractCheck()
    check.is_off = request.node.get_closest_marker("publishes_anything") is not None
    construct = IncomingMessage.__init__

    def checked(self: IncomingMessage, message: DeliveredMessage, no_ack: bool = False) -> None:  # noqa: FBT001, FBT002 -- the library's signature
        check.receive(message)
        construct(self, message, no_ack=no_ack)

    monkeypatch.setattr(IncomingMessage, "__init__", checked)
    yield check
    check.close()
