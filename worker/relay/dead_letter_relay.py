"""Publishes stored dead letters to the dead-letter queue, and keeps those that it refuses."""

import asyncio
import contextlib
import math
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from time import monotonic
from typing import Final

from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.topology import DEAD_LETTER_QUEUE

from worker.broker.forwarding import DEAD_LETTER_HEADERS, stripped
from worker.broker.publishing.confirm_channel import (
    ChannelLost,
    ConfirmChannel,
    NotPublished,
    Unencodable,
)
from worker.broker.publishing.publication import Publication, decode_properties
from worker.runtime.backoff import Backoff
from worker.storage.connecting.engine import Transactions
from worker.storage.outbox.dead_letters import (
    StoredDeadLetter,
    forget_queued,
    load_dead_letters,
    record_dead_letters,
)
from worker.telemetry.logs.rate import LogRate
from worker.telemetry.reporter import Reporter

__all__ = ["DeadLetterRelay"]

POLL_SECONDS: Final = 1
"""How often the relay looks for dead letters that another worker stored."""
LOOK_SECONDS: Final = 30
"""How often the relay looks whether the dead-letter queue is empty."""
RETRY_FIRST_SECONDS: Final = 0.5
RETRY_LONGEST_SECONDS: Final = 10
REPORT_SECONDS: Final = 60
LINES_PER_SECOND: Final = 10


class DeadLetterRelay:
    """Publishes the dead letters of all partitions; the worker that reads PBX results runs it."""

    def __init__(
        self,
        database: Transactions,
        channel: ConfirmChannel,
        reporter: Reporter,
        stored: asyncio.Event,
        *,
        is_queue_empty: Callable[[], Awaitable[bool]],
    ) -> None:
        """`stored` is set when this worker has stored a dead letter."""
        self._database = database
        self._channel = channel
        self._reporter = reporter
        self._stored = stored
        self._is_queue_empty = is_queue_empty
        self._look_at = -math.inf
        self._lines = LogRate(LINES_PER_SECOND)
        self._published = 0
        self._refusal_reported_at: float | None = None

    async def run(self) -> None:
        """Publishes until it is cancelled. Raises `BrokerUnavailable`."""
        backoff = _new_backoff()
        while True:
            self._stored.clear()
            letters = await self._database.read(load_dead_letters)
            if not letters:
                self._refusal_reported_at = None
                self._report_published()
                await self._forget_counts_of_empty_queue()
                await self._wait_until_stored()
                continue
            confirmed, refused = await self._publish(letters)
            self._published += len(confirmed)
            self._report_published()
            if refused:
                self._report_refusal(next(iter(refused.values())))
                await asyncio.sleep(backoff.pause_seconds())
            else:
                backoff = _new_backoff()

    async def _forget_counts_of_empty_queue(self) -> None:
        # Somebody may purge the queue. Nothing else puts counted letters there meanwhile.
        if monotonic() < self._look_at:
            return
        self._look_at = monotonic() + LOOK_SECONDS
        if await self._is_queue_empty():
            await self._database.transact(forget_queued)

    async def _wait_until_stored(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await self._stored.wait()

    async def _publish(
        self, letters: Sequence[StoredDeadLetter]
    ) -> tuple[Collection[int], Mapping[int, str]]:
        """Publishes them; deletes the confirmed ones, and keeps the refused ones with the reason.

        Returns the positions of both.
        """
        publications = {letter.position: _publication(letter) for letter in letters}
        problems = await self._attempt(_with_different_ids(publications))
        refused = {position: str(error) for position, error in problems.items() if error}
        confirmed = {
            position: _code_of(publications[position]) for position in problems.keys() - refused
        }
        await self._database.transact(
            lambda session: record_dead_letters(session, confirmed, refused)
        )
        return confirmed, refused

    async def _attempt(
        self, publications: Mapping[int, Publication]
    ) -> Mapping[int, NotPublished | None]:
        """Publishes all of them; returns for each why it was not confirmed, or None."""
        problems = await self._channel.publish(list(publications.values()))
        outcomes: dict[int, NotPublished | None] = {}
        for (position, publication), problem in zip(publications.items(), problems, strict=True):
            if isinstance(problem, ChannelLost) and len(publications) > 1:
                # One of them made the broker close the channel: each alone shows which.
                outcomes |= await self._attempt({position: publication})
            elif isinstance(problem, Unencodable) and not _is_stripped(publication):
                # Its properties are larger than a frame of this broker.
                few = stripped(publication, _failure_headers(publication))
                outcomes |= await self._attempt({position: few})
            else:
                outcomes[position] = (
                    problem.verdict() if isinstance(problem, ChannelLost) else problem
                )
        return outcomes

    def _report_published(self) -> None:
        if self._published and self._lines.admit() is not None:
            self._reporter.dead_letters_published(self._published)
            self._published = 0

    def _report_refusal(self, reason: str) -> None:
        reported_at = self._refusal_reported_at
        if reported_at is None or monotonic() - reported_at > REPORT_SECONDS:
            self._refusal_reported_at = monotonic()
            self._reporter.dead_letters_refused(reason)


def _code_of(publication: Publication) -> str:
    # A command that reads a full queue also stores letters that the broker put there.
    headers = publication.properties.headers or {}
    return str(headers.get("x-error-code", DeadLetterCode.NOT_ROUTED))


def _new_backoff() -> Backoff:
    return Backoff(RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS)


def _publication(letter: StoredDeadLetter) -> Publication:
    return Publication("", DEAD_LETTER_QUEUE, decode_properties(letter.properties), letter.body)


def _with_different_ids(publications: Mapping[int, Publication]) -> Mapping[int, Publication]:
    """Those that may be in flight together: a returned message is matched by its id."""
    first = {
        publication.properties.message_id: position
        for position, publication in reversed(list(publications.items()))
    }
    return {position: publications[position] for position in sorted(first.values())}


def _is_stripped(publication: Publication) -> bool:
    headers = publication.properties.headers or {}
    return headers.keys() <= {*DEAD_LETTER_HEADERS}


def _failure_headers(publication: Publication) -> Sequence[str]:
    headers = publication.properties.headers or {}
    return [name for name in DEAD_LETTER_HEADERS if name in headers]
