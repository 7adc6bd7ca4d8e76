"""The loop of the PBX results."""

from activation_contracts.catalogue import RESULT_QUEUE

from worker.app.serving.inbound import Inbound, InboundBuilder
from worker.consuming.consumer import Consumer
from worker.consuming.handlers import ResultHandler

__all__ = ["result_loop", "results_consumer"]


async def results_consumer(build: InboundBuilder) -> Consumer:
    """The consumer of the results, which also tells how far they are read."""
    return await build.consumer(RESULT_QUEUE)


def result_loop(build: InboundBuilder, consumer: Consumer) -> Inbound:
    """The loop that stores results, and wakes the relays to advance what waited for them."""
    worker = build.term.worker
    handler = ResultHandler(
        worker.settings.policy, worker.clock, worker.reporter, worker.relays.sweep
    )
    return build.inbound(consumer, handler, backpressure=None)
