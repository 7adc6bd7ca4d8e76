"""The loop of the reports."""

from functools import partial

from activation_contracts.catalogue import REPORT_QUEUE, REPORTS

from worker.app.loops import consume
from worker.app.serving.inbound import Inbound, InboundBuilder
from worker.consuming.answering.reports import PREFETCH_REPORTS, ReportProcessor, require_reply_to
from worker.consuming.batch_reader import BatchReader
from worker.consuming.batches import Batches

__all__ = ["report_loop"]


async def report_loop(build: InboundBuilder) -> Inbound:
    """The loop that answers reports, each alone: it reads, and stores nothing."""
    worker = build.term.worker
    consumer = await build.consumer(REPORT_QUEUE, prefetch=PREFETCH_REPORTS)
    poison = build.poison_tracker(consumer, batch_maximum_messages=1)
    processor = ReportProcessor(
        BatchReader(
            REPORTS,
            build.dead_letters(consumer, poison),
            build.answers(),
            check=require_reply_to,
        ),
        build.term.leadership,
        worker.session.replies,
        worker.replies,
        poison=poison,
        closing=consumer.closing,
        reporter=worker.reporter,
    )
    return Inbound(consumer, partial(consume, Batches(consumer, poison, None), processor))
