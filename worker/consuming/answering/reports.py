"""Answers reports: publishes the state of the numbers that they ask for, page by page."""

import asyncio
from collections.abc import Sequence
from time import monotonic, perf_counter
from typing import Final, Protocol

from activation_contracts.messages import Report, Snapshot
from activation_contracts.reading import ReadErrorCode, UnreadableError

from worker.broker.connecting.connection import BrokerRefused, BrokerUnavailable
from worker.broker.delivery import Delivery
from worker.broker.publishing.confirm_channel import NotPublished, Unroutable
from worker.broker.publishing.publication import publication_of
from worker.broker.publishing.replies import DIRECT_REPLY_TO, ReplyPublisher
from worker.consuming.answering.replies import ReplyAddresses
from worker.consuming.batch_reader import BatchReader, Incoming
from worker.consuming.batches import Batch
from worker.consuming.poison import PoisonTracker
from worker.core.messages.snapshots import Origin, Selection, SnapshotFactory
from worker.runtime.backoff import Backoff
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.errors import is_transient
from worker.storage.connecting.session import Session
from worker.storage.saving import ReplyTo
from worker.storage.snapshots import Sessions, open_snapshot
from worker.telemetry.metrics.families import ReportOutcome
from worker.telemetry.reporter import Reporter

__all__ = ["PREFETCH_REPORTS", "ReportDatabase", "ReportProcessor", "require_reply_to"]

PREFETCH_REPORTS: Final = 2
"""One is answered, and the next is at hand."""
PAGE_PAUSE_SECONDS: Final = 0.1
"""The longest pause after a page."""
FIRST_PAUSE_SECONDS: Final = 0.1
LONGEST_PAUSE_SECONDS: Final = 2.0
PATIENCE_SECONDS: Final = 20
"""How long a page that is not taken is published again: later reports wait behind it."""
PATIENCE_DIRECT_SECONDS: Final = 1
"""The same for direct reply-to: an address that no broker made ends the connection each time."""


class ReportDatabase(Transactions, Sessions, Protocol):
    """What a report needs of the database, or of a term of leadership in it."""


def require_reply_to(report: Incoming[Report]) -> None:
    """Raises `UnreadableError` for a report that names no queue for its answer."""
    delivery, message, _ = report
    if not delivery.properties.reply_to:
        detail = "the AMQP property reply_to is missing: it names the queue for the answer"
        event = {"id": message.id, "source": message.source}
        raise UnreadableError(ReadErrorCode.INVALID, detail, event)


class ReportProcessor:
    """Answers one report at a time. A redelivered report is answered again, as of now."""

    def __init__(
        self,
        reader: BatchReader[Report],
        database: ReportDatabase,
        replies: ReplyPublisher,
        addresses: ReplyAddresses,
        *,
        poison: PoisonTracker,
        closing: asyncio.Event,
        reporter: Reporter,
    ) -> None:
        """Leaves the report unanswered, to be redelivered, once `closing` is set."""
        self._reader = reader
        self._database = database
        self._replies = replies
        self._addresses = addresses
        self._poison = poison
        self._closing = closing
        self._reporter = reporter

    async def process(self, batch: Batch) -> Sequence[Delivery]:
        """Answers the reports; returns the deliveries to acknowledge.

        While the database is away, it waits; those that cannot be read are dead-lettered.
        """
        answered = [
            report.delivery for report in self._reader.read_all(batch) if await self._answer(report)
        ]
        await self._forget_attempts(answered)
        return answered

    async def flush(self) -> None:
        """Waits a few seconds for answers not yet sent and dead letters not yet stored."""
        await self._reader.flush()

    async def _answer(self, report: Incoming[Report]) -> bool:
        """Answers the report; whether it is done with."""
        self._addresses.report_refused([report.delivery])
        address = self._addresses.address_of(report.delivery, report.message.id)
        if address is None:
            return True
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while not self._closing.is_set():
            try:
                outcome = await self._publish_pages(report.message, address)
            except Exception as error:
                if not is_transient(error):
                    raise
                await self._database.read(_require_answer)
                await asyncio.sleep(backoff.pause_seconds())
            else:
                if outcome is not None:
                    return True
        # It is answered after the redelivery: no reason to take it for a poison message.
        await self._poison.forgive([report.delivery])
        return False

    async def _publish_pages(self, report: Report, address: ReplyTo) -> ReportOutcome | None:
        """Publishes all pages, while the requester takes them; None once the worker closes."""
        started = perf_counter()
        selection = Selection.of_report(report)
        async with open_snapshot(self._database, selection) as snapshot:
            factory = SnapshotFactory(
                Origin.of_report(report),
                selection,
                snapshot.as_of,
                numbers=snapshot.numbers,
                usage=snapshot.usage,
            )
            outcome: ReportOutcome | None = ReportOutcome.ANSWERED
            pages = 0
            while outcome is ReportOutcome.ANSWERED and pages < factory.pages:
                pages += 1
                begun = perf_counter()
                page = factory.page(pages, await snapshot.read_page(pages))
                outcome = await self._publish_page(page, address)
                # Half of the time is for commands.
                await asyncio.sleep(min(perf_counter() - begun, PAGE_PAUSE_SECONDS))
        if outcome is not None:
            seconds = perf_counter() - started
            self._reporter.report_ended(
                report.id, outcome, numbers=snapshot.numbers, pages=pages, seconds=seconds
            )
        return outcome

    async def _publish_page(self, page: Snapshot, address: ReplyTo) -> ReportOutcome | None:
        """Publishes the page, again and again for a while if it is not taken."""
        publication = publication_of(
            page, exchange="", routing_key=address.queue, correlation_id=address.correlation_id
        )
        is_direct = address.queue.startswith(DIRECT_REPLY_TO)
        give_up_at = monotonic() + (PATIENCE_DIRECT_SECONDS if is_direct else PATIENCE_SECONDS)
        backoff = Backoff(FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
        while not self._closing.is_set():
            try:
                await self._replies.publish_page(publication)
            except Unroutable:
                return ReportOutcome.REQUESTER_GONE
            except (NotPublished, BrokerUnavailable, BrokerRefused) as error:
                if monotonic() >= give_up_at:
                    self._reporter.report_undelivered(str(error))
                    return ReportOutcome.UNDELIVERED
                await asyncio.sleep(backoff.pause_seconds())
            else:
                return ReportOutcome.ANSWERED
        return None

    async def _forget_attempts(self, deliveries: Sequence[Delivery]) -> None:
        if any(delivery.redelivered for delivery in deliveries):
            await self._database.transact(lambda session: self._poison.clear(session, deliveries))


async def _require_answer(session: Session) -> None:
    await session.driver.execute("SELECT 1")
