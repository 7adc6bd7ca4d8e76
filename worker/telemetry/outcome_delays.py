"""Measures how long the publisher of a command waits for its outcomes."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Final, Generic, NamedTuple, TypeVar

from activation_contracts.messages import Command

__all__ = ["COMMANDS_MAXIMUM", "OutcomeDelays", "Story", "seconds_between"]

COMMANDS_MAXIMUM: Final = 10_000
"""Of more commands under way, the oldest are not measured: 4 MB of memory at most."""
DELAY_MAXIMUM: Final = timedelta(days=7)
"""A longer delay is a wrong clock of the publisher, and would spoil the sum of the histogram."""
CLOCK_DIFFERENCE_MAXIMUM: Final = timedelta(hours=1)
"""How far the publisher's clock may be ahead; such a delay counts as none."""

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Story(NamedTuple):
    """What the delays of a command are told apart by."""

    operation: str
    lane: str


Observe = Callable[[Story, str, float], None]
"""Takes the command's story, which outcome it is, and the seconds."""


class Awaited(NamedTuple):
    """An outcome that is not published yet."""

    story: Story
    outcome: str
    commanded_at: datetime


class _Recent(Generic[Key, Value]):
    """A few values by key; the oldest make room for new ones."""

    def __init__(self) -> None:
        self._values: OrderedDict[Key, Value] = OrderedDict()

    def put(self, key: Key, value: Value) -> None:
        self._values[key] = value
        if len(self._values) > COMMANDS_MAXIMUM:
            self._values.popitem(last=False)

    def take(self, key: Key) -> Value | None:
        return self._values.pop(key, None)


class OutcomeDelays:
    """Remembers the `time` of commands until their outcomes are confirmed, in memory only.

    The outbox does not store the `time`: a column in its busiest table for a measurement. So a
    restart, or a takeover by another worker, loses the measurements of the commands under way.
    """

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._under_way: _Recent[tuple[str, str], tuple[Story, datetime]] = _Recent()
        self._awaited: _Recent[str, Awaited] = _Recent()

    def decided(self, command: Command, story: Story, answer_id: str, *, ends: bool) -> None:
        """A command was decided, and the answer with this id waits to be published."""
        if command.time is None:
            return
        self._awaited.put(answer_id, Awaited(story, "first", command.time))
        if not ends:
            self._under_way.put((command.source, command.id), (story, command.time))

    def ended(self, source: str, command_id: str, end_id: str) -> None:
        """The operation of this command ended, and the event with this id says so."""
        begun = self._under_way.take((source, command_id))
        if begun is not None:
            story, commanded_at = begun
            self._awaited.put(end_id, Awaited(story, "end", commanded_at))

    def published(self, message_id: str) -> None:
        """The broker confirmed a message, of whatever kind."""
        awaited = self._awaited.take(message_id)
        if awaited is not None:
            seconds = seconds_between(awaited.commanded_at, datetime.now(UTC))
            if seconds is not None:
                self._observe(awaited.story, awaited.outcome, seconds)


def seconds_between(commanded_at: datetime, now: datetime) -> float | None:
    """The delay of a command; None if the clock of its publisher must be wrong."""
    waited = now - commanded_at
    if -CLOCK_DIFFERENCE_MAXIMUM <= waited <= DELAY_MAXIMUM:
        return max(0.0, waited.total_seconds())
    return None
