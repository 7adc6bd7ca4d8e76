"""The order in which held commands of many accounts are handled."""

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Final, NamedTuple

from worker.broker.delivery import Delivery
from worker.consuming.ordering.command_keys import CommandKeys, read_keys
from worker.core.lanes import Lane

__all__ = ["ROUND_COMMANDS", "FairOrder"]

ROUND_COMMANDS: Final = 50
"""How many commands of one account a round holds: how far it may get ahead of the others. Larger
rounds keep more of the order of arrival, which costs fewer acknowledgements."""


class _Place(NamedTuple):
    """Where an account's latest command waits."""

    round_number: int
    commands: int
    """Of the account in this round."""


class FairOrder:
    """Holds commands in rounds, a limited number of each account in a round; a queue like `deque`.

    Rounds are taken one after the other, and the commands of a round in the order of arrival. So a
    burst of one account delays the commands of others by one round, and while no account exceeds
    its share the order is that of arrival. The commands of one number always keep that order,
    whatever accounts they name.
    """

    def __init__(self, round_commands: int = ROUND_COMMANDS) -> None:
        self._round_commands = round_commands
        self._rounds: dict[int, deque[tuple[Delivery, CommandKeys | None]]] = {}
        self._current = 0
        """The round that is taken now: commands of an account that has none join it."""
        self._places: dict[str | None, _Place] = {}
        self._rounds_of_numbers: dict[str, int] = {}
        """The round of each number's latest command that still waits."""
        self._length = 0

    def append(self, delivery: Delivery) -> None:
        """Adds a command behind the earlier ones of its account and of its number."""
        keys = read_keys(delivery)
        round_number = self._next_round_of(keys.account_id if keys else None)
        if keys is not None:
            earlier = self._rounds_of_numbers.get(keys.phone_number, round_number)
            round_number = max(round_number, earlier)
            self._rounds_of_numbers[keys.phone_number] = round_number
        if round_number > self._current:
            delivery.lane = Lane.SURPLUS
        self._rounds.setdefault(round_number, deque()).append((delivery, keys))
        self._length += 1

    def popleft(self) -> Delivery:
        """Takes the next command. Raises IndexError if there is none."""
        if not self._length:
            raise IndexError("pop from an empty order")
        if self._current not in self._rounds:
            self._begin(min(self._rounds))
        commands = self._rounds[self._current]
        delivery, keys = commands.popleft()
        if not commands:
            del self._rounds[self._current]
        self._length -= 1
        if not self._length:
            # Nobody waits any more: no account has to let another go first.
            self._places.clear()
            self._rounds_of_numbers.clear()
        elif keys and self._rounds_of_numbers.get(keys.phone_number) == self._current:
            # A command of the number that comes next joins this round behind what it holds.
            del self._rounds_of_numbers[keys.phone_number]
        return delivery

    def _begin(self, round_number: int) -> None:
        self._current = round_number
        self._places = {
            account_id: place
            for account_id, place in self._places.items()
            if place.round_number >= round_number
        }

    def _next_round_of(self, account_id: str | None) -> int:
        place = self._places.get(account_id)
        if place is None or place.round_number < self._current:
            place = _Place(self._current, 0)
        elif place.commands == self._round_commands:
            place = _Place(place.round_number + 1, 0)
        self._places[account_id] = place._replace(commands=place.commands + 1)
        return place.round_number

    @property
    def accounts(self) -> int:
        """How many accounts it remembers."""
        return len(self._places)

    def __len__(self) -> int:
        """How many commands wait."""
        return self._length

    def __iter__(self) -> Iterator[Delivery]:
        """The commands in the order in which they would be taken now."""
        rounds = (self._rounds[number] for number in sorted(self._rounds))
        return (delivery for delivery, _ in chain.from_iterable(rounds))
