"""The two loops alone, with fakes behind their ports."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, cast

import pytest

from worker.app.loops import consume, publish
from worker.broker.delivery import Delivery
from worker.consuming.batches import Batch
from worker.relay.key_ordered_publisher import PublishResult
from worker.storage.outbox.messages import OutgoingMessage, Undelivered

FIRST, SECOND, THIRD = (cast("Any", name) for name in ("first", "second", "third"))
"""Deliveries, or messages: the loops only pass them on."""


class Batches:
    """Yields batches and logs what is acknowledged."""

    def __init__(self, log: list[tuple[str, Any]], *batches: Batch) -> None:
        self._log, self._batches = log, batches

    async def __aiter__(self) -> AsyncIterator[Batch]:
        for batch in self._batches:
            yield batch

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        self._log.append(("ack", list(deliveries)))


class Processor:
    """Stores all messages except an unreadable one; fails for a poison batch."""

    def __init__(self, log: list[tuple[str, Any]], unreadable: Any = None) -> None:
        self._log, self._unreadable = log, unreadable

    async def process(self, batch: Batch) -> Sequence[Delivery]:
        if batch.is_poison:
            raise ConnectionError
        self._log.append(("commit", list(batch.deliveries)))
        return [item for item in batch.deliveries if item is not self._unreadable]

    async def flush(self) -> None:
        self._log.append(("flush", None))


async def test_consume_acknowledges_each_batch_after_its_commit_and_before_the_next() -> None:
    log: list[tuple[str, Any]] = []
    await consume(Batches(log, Batch([FIRST, SECOND]), Batch([THIRD])), Processor(log))

    assert log == [
        ("commit", [FIRST, SECOND]),
        ("ack", [FIRST, SECOND]),
        ("commit", [THIRD]),
        ("ack", [THIRD]),
        ("flush", None),
    ]


async def test_consume_does_not_acknowledge_what_was_dead_lettered() -> None:
    log: list[tuple[str, Any]] = []
    await consume(Batches(log, Batch([FIRST, SECOND])), Processor(log, unreadable=FIRST))

    assert ("ack", [SECOND]) in log


async def test_consume_acknowledges_nothing_of_a_batch_that_was_not_stored() -> None:
    log: list[tuple[str, Any]] = []
    with pytest.raises(ConnectionError):
        await consume(Batches(log, Batch([FIRST], is_poison=True)), Processor(log))

    assert log == []


class Outbox:
    """Yields batches of messages to publish."""

    def __init__(self, *batches: Sequence[OutgoingMessage]) -> None:
        self._batches = batches

    async def __aiter__(self) -> AsyncIterator[Sequence[OutgoingMessage]]:
        for batch in self._batches:
            yield batch


class Broker:
    """Confirms all messages except one that it nacks."""

    def __init__(self, log: list[tuple[str, Any]], nacked: Any = None) -> None:
        self._log, self._nacked = log, nacked

    async def publish(self, messages: Sequence[OutgoingMessage]) -> PublishResult:
        self._log.append(("publish", list(messages)))
        confirmed = [message for message in messages if message is not self._nacked]
        undelivered = [Undelivered(self._nacked, "nacked")] if self._nacked in messages else []
        return PublishResult(confirmed, undelivered)


class Recorder:
    """Logs the results that it records."""

    def __init__(self, log: list[tuple[str, Any]]) -> None:
        self._log = log

    async def record(self, result: PublishResult) -> None:
        self._log.append(("record", [*result.confirmed, *result.undelivered]))


async def test_publish_records_each_batch_before_it_publishes_the_next() -> None:
    log: list[tuple[str, Any]] = []
    await publish(Outbox([FIRST, SECOND], [THIRD]), Broker(log), Recorder(log))

    assert log == [
        ("publish", [FIRST, SECOND]),
        ("record", [FIRST, SECOND]),
        ("publish", [THIRD]),
        ("record", [THIRD]),
    ]


async def test_publish_records_a_nacked_message_as_undelivered_beside_the_confirmed_ones() -> None:
    log: list[tuple[str, Any]] = []
    await publish(Outbox([FIRST, SECOND]), Broker(log, nacked=FIRST), Recorder(log))

    assert log[-1] == ("record", [SECOND, Undelivered(FIRST, "nacked")])
