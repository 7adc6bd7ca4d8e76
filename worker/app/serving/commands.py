"""The loops of the commands: interactive and bulk ones, or the router to the partitions."""

from activation_contracts.catalogue import BULK_COMMAND_QUEUE, COMMAND_QUEUE

from worker.app.serving.inbound import Inbound, InboundBuilder
from worker.app.serving.term import Term
from worker.broker.partition_queues import SOURCES, queue_names_for, source_queue
from worker.consuming.answering.previews import PreviewAnswers
from worker.consuming.consumer import Consumer
from worker.consuming.handlers import CommandHandler
from worker.consuming.ordering.fair_order import FairOrder
from worker.consuming.ordering.turns import BULK_BATCH_COMMANDS, Turns
from worker.consuming.router import PartitionRouter
from worker.core.lanes import Lane
from worker.relay.outbox import Outbox

__all__ = ["command_loops", "router_loops"]


async def command_loops(build: InboundBuilder, outbox: Outbox) -> list[Inbound]:
    """The loops of one partition, which take turns."""
    interactive = await _interactive_consumer(build)
    bulk = await build.consumer(_queue(build.term, BULK_COMMAND_QUEUE), lane=Lane.BULK)
    turns = Turns(lambda: bool(interactive.waiting) and not interactive.closing.is_set())
    handler = await _command_handler(build, outbox)
    backpressure = build.backpressure(outbox)
    return [
        build.inbound(interactive, handler, backpressure, next_turn=turns.interactive),
        build.inbound(
            bulk,
            handler,
            backpressure,
            next_turn=turns.bulk,
            batch_maximum_messages=BULK_BATCH_COMMANDS,
        ),
    ]


async def _interactive_consumer(build: InboundBuilder) -> Consumer:
    # A worker may have to serve all partitions.
    partitions = build.term.assignment.layout.partitions
    held = build.term.worker.settings.interactive_prefetch_messages // partitions
    queue = _queue(build.term, COMMAND_QUEUE)
    return await build.consumer(queue, prefetch=max(held, 1), waiting=FairOrder())


def _queue(term: Term, source: str) -> str:
    return source_queue(source, term.assignment.partition, term.assignment.layout)


async def _command_handler(build: InboundBuilder, outbox: Outbox) -> CommandHandler:
    worker = build.term.worker
    return CommandHandler(
        worker.settings.policy,
        worker.clock,
        worker.reporter,
        outbox.wake,
        replies=worker.replies,
        previews=await _previews(build),
        partition=build.term.assignment.partition,
    )


async def _previews(build: InboundBuilder) -> PreviewAnswers:
    session, reporter = build.term.worker.session, build.term.worker.reporter
    events = await build.stack.enter_async_context(session.confirm_channel())
    previews = PreviewAnswers(events, session.replies, reporter)
    build.stack.push_async_callback(previews.close)
    return previews


async def router_loops(build: InboundBuilder) -> list[Inbound]:
    """The loops that route commands to the queues of their partitions."""
    return [await _router(build, source) for source in SOURCES]


async def _router(build: InboundBuilder, source: str) -> Inbound:
    worker = build.term.worker
    consumer = await build.consumer(source)
    router = PartitionRouter(
        consumer,
        worker.session,
        await build.stack.enter_async_context(worker.session.confirm_channel()),
        queues=queue_names_for(source, build.term.assignment.layout),
        batch_maximum_messages=worker.settings.batch_maximum_commands,
        on_routed=worker.reporter.metrics.routed,
    )
    return Inbound(consumer, router.run)
