"""The two loops, in which the worker does everything that it does for a partition.

Around them are the router of several partitions, the relay of dead letters, and housekeeping.
"""

from collections.abc import AsyncIterable, Sequence
from typing import Protocol

from worker.broker.delivery import Delivery
from worker.consuming.batches import Batch
from worker.relay.key_ordered_publisher import PublishResult
from worker.storage.outbox.messages import OutgoingMessage

__all__ = ["BatchSource", "OrderedPublisher", "Processor", "Recorder", "consume", "publish"]


class BatchSource(AsyncIterable[Batch], Protocol):
    """Batches of deliveries, until their consumer is closed: `consuming.batches.Batches`."""

    async def ack(self, deliveries: Sequence[Delivery]) -> None:
        """Acknowledges these deliveries."""


class Processor(Protocol):
    """Handles batches: `consuming.batch_processor.BatchProcessor`."""

    async def process(self, batch: Batch) -> Sequence[Delivery]:
        """Stores what follows from the batch; returns the deliveries to acknowledge."""

    async def flush(self) -> None:
        """Waits a few seconds for answers not yet sent and dead letters not yet stored."""


class OrderedPublisher(Protocol):
    """Publishes messages in key order: `relay.key_ordered_publisher.KeyOrderedPublisher`."""

    async def publish(self, messages: Sequence[OutgoingMessage]) -> PublishResult:
        """Publishes the messages; returns which were confirmed, and why the others were not."""


class Recorder(Protocol):
    """Advances operations: `relay.process_manager.ProcessManager`."""

    async def record(self, result: PublishResult) -> None:
        """Records the outcome and advances the operations that waited for it."""


async def consume(batches: BatchSource, processor: Processor) -> None:
    """Handles messages until the consumer is closed.

    Commands, bulk commands, PBX results, reports, directory messages: each queue has a loop of its
    own.
    """
    async for batch in batches:  # whatever already waits, 1 to N; poison messages isolated
        stored = await processor.process(batch)  # read, load, decide and save: one transaction
        await batches.ack(stored)  # after the commit, not after the publish
    await processor.flush()


async def publish(
    outbox: AsyncIterable[Sequence[OutgoingMessage]],
    publisher: OrderedPublisher,
    recorder: Recorder,
) -> None:
    """Publishes messages until the outbox is stopped; advances operations that waited for them."""
    async for messages in outbox:  # wakes on each commit, and on the timer of the sweep
        result = await publisher.publish(messages)  # in key order, mandatory, confirms in batches
        await recorder.record(result)  # delete, load, advance and save: one transaction
