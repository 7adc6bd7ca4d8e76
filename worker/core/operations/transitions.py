"""The changes of a number's status that the worker makes, as a table."""

from enum import Enum, unique
from typing import Final

from activation_contracts.values import NumberStatus

from worker.core.operations.operation import OngoingOperation
from worker.core.situation import Number

__all__ = ["TRANSITIONS", "Transition", "apply"]


@unique
class Transition(Enum):
    """A change of status that the worker makes. All other changes are made by other systems [S]."""

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
"""From and to. The worker makes no other change. [S]; that a deactivation passes through PENDING
and has no way back to ACTIVE is [D]."""


def apply(
    number: Number, transition: Transition, ongoing: OngoingOperation | None = None
) -> Number:
    """The number after the transition, its sequence incremented by one.

    A completed deactivation clears settings, memberships and logins [S]. Raises ValueError if the
    number is not in the status from which the transition leads.
    """
    before, after = TRANSITIONS[transition]
    if number.status is not before:
        message = f"{number.phone_number} is {number.status}, cannot {transition.value}"
        raise ValueError(message)
    changed = number._replace(
        status=after,
        sequence=number.sequence + 1,
        ongoing=ongoing,
        has_waiting_records=False,  # what waited for the end is applied when that is saved
    )
    if transition is Transition.COMPLETE_DEACTIVATION:
        return changed._replace(
            label=None, features=(), has_call_settings=False, hunt_groups=(), logins=()
        )
    return changed
