"""The loop of the directory messages."""

from activation_contracts.catalogue import DIRECTORY_QUEUE

from worker.app.serving.inbound import Inbound, InboundBuilder
from worker.consuming.directory_handler import DirectoryHandler

__all__ = ["directory_loop"]


async def directory_loop(build: InboundBuilder) -> Inbound:
    """The loop that applies the records of the platform, for all partitions."""
    worker = build.term.worker
    handler = DirectoryHandler(
        worker.clock,
        worker.reporter,
        worker.relays.wake,
        partitions=build.term.assignment.layout.partitions,
    )
    consumer = await build.consumer(DIRECTORY_QUEUE)
    # What follows is published by the relays of all partitions, and only those of this worker
    # hold it back. A worker with the router alone has none: it goes on, and the outbox grows
    # by what its directory messages lead to, until the other workers can publish again.
    return build.inbound(consumer, handler, build.backpressure(worker.relays))
