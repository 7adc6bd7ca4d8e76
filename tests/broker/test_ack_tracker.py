"""How long a tracker has acknowledged nothing, although it should."""

from typing import cast

import pytest
from aiormq import spec
from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.header import ContentHeader

from worker.broker import ack_tracker
from worker.broker.ack_tracker import AckTracker
from worker.broker.delivery import Delivery


class Clock:
    """A monotonic clock that stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """The time."""
        return self.now


class Channel:
    """A channel that takes each acknowledgement."""

    async def basic_ack(self, delivery_tag: int, *, multiple: bool) -> None:
        """Takes it."""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(ack_tracker, "monotonic", clock)
    return clock


def delivery(tag: int) -> Delivery:
    deliver = spec.Basic.Deliver(consumer_tag="1", delivery_tag=tag)
    header = ContentHeader(0, 0, spec.Basic.Properties())
    return Delivery(DeliveredMessage(deliver, header, b"", cast("AbstractChannel", Channel())))


def test_a_tracker_without_deliveries_has_no_stall(clock: Clock) -> None:
    tracker = AckTracker()
    clock.now += 60

    assert tracker.stall_seconds == 0


async def test_a_stall_begins_with_the_first_delivery_and_ends_with_the_last(clock: Clock) -> None:
    tracker = AckTracker()
    clock.now += 60
    tracker.add(delivery(1))
    clock.now += 5
    tracker.add(delivery(2))
    clock.now += 5

    assert tracker.stall_seconds == 10
    await tracker.ack([delivery(1), delivery(2)])
    assert tracker.stall_seconds == 0


async def test_an_acknowledgement_ends_a_stall_although_other_deliveries_wait(
    clock: Clock,
) -> None:
    tracker = AckTracker()
    tracker.add(delivery(1))
    tracker.add(delivery(2))
    clock.now += 50
    await tracker.ack([delivery(2)])
    clock.now += 7

    assert tracker.stall_seconds == 7
