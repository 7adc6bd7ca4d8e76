"""Publishes outbox messages in the order of each subject."""

from collections import Counter
from collections.abc import Callable, Sequence
from time import time_ns
from typing import Final, NamedTuple

from worker.broker.publishing.confirm_channel import (
    ExchangeNotFound,
    NotPublished,
    Unencodable,
    Unroutable,
)
from worker.broker.publishing.publisher import Publisher
from worker.storage.outbox.messages import OutgoingMessage, Undelivered
from worker.telemetry.reporter import Reporter

__all__ = ["KeyOrderedPublisher", "PublishResult"]

UNENCODABLE_ATTEMPTS_MAXIMUM: Final = 3
"""Attempts before a message that exceeds the broker's limits is parked: limits may change."""


class PublishResult(NamedTuple):
    """The outcome of a publish."""

    confirmed: Sequence[OutgoingMessage]
    undelivered: Sequence[Undelivered]
    """Messages that the broker did not accept, and why. Those behind them were not tried."""


class KeyOrderedPublisher:
    """Publishes messages of many subjects; each subject's messages stay in order."""

    def __init__(
        self,
        publisher: Publisher,
        reporter: Reporter,
        on_exchange_not_found: Callable[[str], None],
    ) -> None:
        self._publisher = publisher
        self._reporter = reporter
        self._on_exchange_not_found = on_exchange_not_found

    async def publish(self, messages: Sequence[OutgoingMessage]) -> PublishResult:
        """Publishes all of them, except those behind an undelivered message of the same subject.

        The messages of one subject go one after the other, each confirmed before the next; those of
        different subjects go together. Raises `BrokerUnavailable` when the outcome is unknown.
        """
        confirmed: list[OutgoingMessage] = []
        undelivered: list[Undelivered] = []
        held_back: set[str] = set()
        for group in _groups_without_repeated_key(messages):
            publishable = [message for message in group if _key_of(message) not in held_back]
            started = time_ns()
            problems = await self._publisher.publish(publishable)
            for message, problem in zip(publishable, problems, strict=True):
                failure = self._failure(message, problem)
                self._reporter.tracing.published(message, problem if failure else None, started)
                if failure is None:
                    confirmed.append(message)
                else:
                    undelivered.append(failure)
                    held_back.add(_key_of(message))
        return PublishResult(confirmed, undelivered)

    def _failure(
        self, message: OutgoingMessage, problem: NotPublished | None
    ) -> Undelivered | None:
        if problem is None:
            self._reporter.published(message.message_type, message.message_id)
            return None
        if isinstance(problem, Unroutable) and not message.must_be_routed:
            # An event without subscribers counts as published; a PBX message does not.
            self._reporter.unrouted(message.message_type, message.message_id)
            return None
        self._reporter.undelivered(message, str(problem))
        if isinstance(problem, ExchangeNotFound):
            self._on_exchange_not_found(str(problem))
        parked = (
            isinstance(problem, Unencodable)
            and message.attempts + 1 >= UNENCODABLE_ATTEMPTS_MAXIMUM
        )
        if parked:
            self._reporter.unencodable(message, str(problem))
        return Undelivered(message, str(problem), parked=parked)


def _key_of(message: OutgoingMessage) -> str:
    """Messages with the same key stay in order."""
    return message.subject if message.ordered else message.message_id


def _groups_without_repeated_key(
    messages: Sequence[OutgoingMessage],
) -> list[list[OutgoingMessage]]:
    """The messages in groups that may be in flight together: no key twice in a group."""
    groups: list[list[OutgoingMessage]] = []
    seen: Counter[str] = Counter()
    for message in messages:
        earlier = seen[_key_of(message)]
        seen[_key_of(message)] += 1
        if earlier == len(groups):
            groups.append([])
        groups[earlier].append(message)
    return groups
