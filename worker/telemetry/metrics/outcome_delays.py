"""Measures how long the publisher of a command waits for its outcomes."""

from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeVar

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


def _put(values: dict[Key, Value], key: Key, value: Value) -> None:
    """Adds the value; the oldest makes room for it."""
    values[key] = value
    if len(values) > COMMANDS_MAXIMUM:
        del values[next(iter(values))]


class OutcomeDelays:
    """Remembers the `time` of commands until their outcomes are confirmed, in memory only.

    The outbox does not store the `time`: a column in its busiest table for a measurement. So a
    restart, or a takeover by another worker, loses the measurements of the commands under way.
    """

    def __init__(self, observe: Observe) -> None:
        self._observe = observe
        self._under_way: dict[tuple[str, str], tuple[Story, datetime]] = {}
        self._awaited: dict[str, Awaited] = {}

    def decided(self, command: Command, story: Story, answer_id: str, *, ends: bool) -> None:
        """A command was decided, and the answer with this id waits to be published."""
        if command.time is None:
            return
        _put(self._awaited, answer_id, Awaited(story, "first", command.time))
        if not ends:
            _put(self._under_way, (command.source, command.id), (story, command.time))

    def ended(self, source: str, command_id: str, end_id: str) -> None:
        """The operation of this command ended, and the event with this id says so."""
        begun = self._under_way.pop((source, command_id), None)
        if begun is not None:
            story, commanded_at = begun
            _put(self._awaited, end_id, Awaited(story, "end", commanded_at))

    def published(self, message_id: str) -> None:
        """The broker confirmed a message, of whatever kind."""
        awaited = self._awaited.pop(message_id, None)
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
