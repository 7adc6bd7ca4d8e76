"""The two loops. Everything that the worker does for a partition happens in one of them."""

from typing import TypeVar

from contracts.envelope import Envelope
from worker.consuming.batch_processor import BatchProcessor
from worker.consuming.batches import Batches
from worker.consuming.consumer import Consumer
from worker.consuming.dead_letters import DeadLetters
from worker.relay.key_ordered_publisher import KeyOrderedPublisher
from worker.relay.outbox import Outbox
from worker.relay.process_manager import ProcessManager

__all__ = ["consume", "publish"]

Message = TypeVar("Message", bound=Envelope)
Result = TypeVar("Result")


async def consume(
    consumer: Consumer,
    batches: Batches,
    processor: BatchProcessor[Message, Result],
    dead_letters: DeadLetters,
) -> None:
    """Messages in, until the consumer is closed: commands, or the results of PBX systems."""
    await consumer.start()
    async for batch in batches:  # whatever already waits, 1 to N; poison messages isolated
        stored = await processor.process(batch)  # load, decide and save: one transaction
        await consumer.ack(stored)  # after the commit, not after the publish
    await dead_letters.flush()


async def publish(
    outbox: Outbox, publisher: KeyOrderedPublisher, process_manager: ProcessManager
) -> None:
    """Messages out, until the outbox is stopped; advances the operations that waited for them."""
    await process_manager.release_steps()
    async for messages in outbox:  # wakes on each commit, and on the timer that sweeps what is due
        result = await publisher.publish(messages)  # in key order, mandatory, confirms in batches
        await process_manager.record(result)  # delete, load, advance and save: one transaction
