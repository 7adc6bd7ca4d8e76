"""Messages out, in the order of each number."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from worker.broker.confirm_channel import ExchangeNotFound, NotPublished, Unencodable, Unroutable
from worker.broker.publisher import Publisher
from worker.storage.outbox import OutgoingMessage, Refused
from worker.telemetry.reporter import Reporter

__all__ = ["KeyOrderedPublisher", "PublishResult"]

SENDING_ATTEMPTS_MAXIMUM: Final = 3
"""So often is tried what the broker says can never be sent: its limits may just be changing."""


class PublishResult(NamedTuple):
    """What became of messages."""

    sent: Sequence[OutgoingMessage]
    """What the broker took."""
    refused: Sequence[Refused]
    """What it did not take, and why."""


class KeyOrderedPublisher:
    """Publishes what belongs to many numbers, and tells of each message what became of it."""

    def __init__(
        self, publisher: Publisher, reporter: Reporter, target_missing: Callable[[str], None]
    ) -> None:
        self._publisher = publisher
        self._reporter = reporter
        self._target_missing = target_missing

    async def publish(self, messages: Sequence[OutgoingMessage]) -> PublishResult:
        """Publishes all of them.

        One number's messages go one after the other, each confirmed before the next; those of
        different numbers go side by side. After a refusal the number's later ones stay behind,
        untried.
        """
        sent: list[OutgoingMessage] = []
        refused: list[Refused] = []
        blocked: set[str] = set()
        for wave in _waves(messages):
            going = [message for message in wave if _place_of(message) not in blocked]
            problems = await self._publisher.publish(going)
            for message, problem in zip(going, problems, strict=True):
                refusal = self._refusal(message, problem)
                if refusal is None:
                    sent.append(message)
                else:
                    refused.append(refusal)
                    blocked.add(_place_of(message))
        return PublishResult(sent, refused)

    def _refusal(self, message: OutgoingMessage, problem: NotPublished | None) -> Refused | None:
        # An event that nobody has subscribed to has been said; a PBX message has not.
        unheard = isinstance(problem, Unroutable) and not message.must_be_routed
        if problem is None or unheard:
            report = self._reporter.unrouted if unheard else self._reporter.published
            report(message.message_type)
            return None
        self._reporter.undelivered(message, str(problem))
        if isinstance(problem, ExchangeNotFound):
            self._target_missing(str(problem))
        never = (
            isinstance(problem, Unencodable) and message.attempts + 1 >= SENDING_ATTEMPTS_MAXIMUM
        )
        if never:
            self._reporter.unencodable(message, str(problem))
        return Refused(message, str(problem), parked=never)


def _place_of(message: OutgoingMessage) -> str:
    """What messages have in common that must stay in order."""
    return message.phone_number if message.ordered else message.message_id


def _waves(messages: Sequence[OutgoingMessage]) -> list[list[OutgoingMessage]]:
    waves: list[list[OutgoingMessage]] = []
    place: Counter[str] = Counter()
    for message in messages:
        turn = place[_place_of(message)]
        place[_place_of(message)] += 1
        if turn == len(waves):
            waves.append([])
        waves[turn].append(message)
    return waves
