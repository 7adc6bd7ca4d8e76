"""The life of a phone number as a table: which move leads from where to where."""

from enum import Enum, unique
from typing import Final

from contracts.values import NumberStatus
from worker.core.operation import OngoingOperation
from worker.core.situation import Number

__all__ = ["MOVES", "Move", "moved"]


@unique
class Move(Enum):
    """A change of status that the worker makes. Every other change is other systems' work."""

    BEGIN_ACTIVATION = "begin activation"
    COMPLETE_ACTIVATION = "complete activation"
    FAIL_ACTIVATION = "fail activation"
    BEGIN_DEACTIVATION = "begin deactivation"
    COMPLETE_DEACTIVATION = "complete deactivation"


MOVES: Final[dict[Move, tuple[NumberStatus, NumberStatus]]] = {
    Move.BEGIN_ACTIVATION: (NumberStatus.RESERVED, NumberStatus.PENDING),
    Move.COMPLETE_ACTIVATION: (NumberStatus.PENDING, NumberStatus.ACTIVE),
    Move.FAIL_ACTIVATION: (NumberStatus.PENDING, NumberStatus.RESERVED),
    Move.BEGIN_DEACTIVATION: (NumberStatus.ACTIVE, NumberStatus.PENDING),
    Move.COMPLETE_DEACTIVATION: (NumberStatus.PENDING, NumberStatus.RESERVED),
}
"""From and to. What is not in the table does not happen."""


def moved(number: Number, move: Move, ongoing: OngoingOperation | None = None) -> Number:
    """The number after the move, its sequence one higher.

    A completed deactivation leaves it blank: no settings, memberships or logins.
    Raises ValueError where the table does not allow the move.
    """
    before, after = MOVES[move]
    if number.status is not before:
        message = f"{number.phone_number} is {number.status}, cannot {move.value}"
        raise ValueError(message)
    changed = number._replace(status=after, sequence=number.sequence + 1, ongoing=ongoing)
    if move is Move.COMPLETE_DEACTIVATION:
        return changed._replace(
            label=None, features=(), has_call_settings=False, hunt_groups=(), logins=()
        )
    return changed
