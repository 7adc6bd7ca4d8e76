"""The life of a phone number as a table: which move leads from where to where."""

from enum import Enum, unique
from typing import Final

from contracts.values import NumberStatus
from worker.core.operation import OngoingOperation
from worker.core.situation import Number

__all__ = ["TRANSITIONS", "Transition", "apply"]


@unique
class Transition(Enum):
    """A change of status that the worker makes. Every other change is other systems' work."""

    BEGIN_ACTIVATION = "begin activation"
    COMPLETE_ACTIVATION = "complete activation"
    FAIL_ACTIVATION = "fail activation"
    BEGIN_DEACTIVATION = "begin deactivation"
    COMPLETE_DEACTIVATION = "complete deactivation"


TRANSITIONS: Final[dict[Transition, tuple[NumberStatus, NumberStatus]]] = {
    Transition.BEGIN_ACTIVATION: (NumberStatus.RESERVED, NumberStatus.PENDING),
    Transition.COMPLETE_ACTIVATION: (NumberStatus.PENDING, NumberStatus.ACTIVE),
    Transition.FAIL_ACTIVATION: (NumberStatus.PENDING, NumberStatus.RESERVED),
    Transition.BEGIN_DEACTIVATION: (NumberStatus.ACTIVE, NumberStatus.PENDING),
    Transition.COMPLETE_DEACTIVATION: (NumberStatus.PENDING, NumberStatus.RESERVED),
}
"""From and to. What is not in the table does not happen."""


def apply(number: Number, move: Transition, ongoing: OngoingOperation | None = None) -> Number:
    """The number after the move, its sequence one higher.

    A completed deactivation leaves it blank: no settings, memberships or logins.
    Raises ValueError where the table does not allow the move.
    """
    before, after = TRANSITIONS[move]
    if number.status is not before:
        message = f"{number.phone_number} is {number.status}, cannot {move.value}"
        raise ValueError(message)
    changed = number._replace(status=after, sequence=number.sequence + 1, ongoing=ongoing)
    if move is Transition.COMPLETE_DEACTIVATION:
        return changed._replace(
            label=None, features=(), has_call_settings=False, hunt_groups=(), logins=()
        )
    return changed
