"""When something next follows of an operation, without any news of it."""

from datetime import UTC, datetime
from typing import Final

from activation_contracts.values import FailureCode

from worker.core.operations.operation import OngoingOperation
from worker.core.situation import Number

__all__ = ["AT_ONCE", "due_at", "ends_at", "late_at"]

AT_ONCE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""Earlier than every moment at which anything can happen."""


def due_at(number: Number) -> datetime | None:
    """The next moment at which `advance` has something to do for the number; None: not before news.

    News is a confirmed or refused message, a PBX result, or a decision of an operator. Each is
    handled in a transaction that computes this moment again, so the sweep needs no rule of its own.
    """
    ongoing = number.ongoing
    if ongoing is None or number.account_id is None:
        return None
    if _is_decided(ongoing):
        return AT_ONCE
    moments = [step.request_at for step in ongoing.open_steps]
    if ongoing.failure is None:
        moments += [late_at(ongoing), ends_at(ongoing)]
    return min(filter(None, moments), default=None)


def late_at(ongoing: OngoingOperation) -> datetime | None:
    """When the operation is reported late, or its aftermath outstanding; None: not, or it was.

    A message that the relay has not tried to publish is no fault of the PBX, or of a queue.
    """
    return ongoing.at_risk_at if _is_tried(ongoing) and not ongoing.delayed else None


def ends_at(ongoing: OngoingOperation) -> datetime | None:
    """When the time for the open steps is up; None while a message was not tried, and for a join.

    The time also passes while the broker refuses a message: the deadline was announced. A number in
    use keeps its outstanding join without a deadline [D].
    """
    return ongoing.deadline if _is_tried(ongoing) and not ongoing.joins_hunt_group else None


def _is_tried(ongoing: OngoingOperation) -> bool:
    return all(step.is_tried for step in ongoing.open_steps)


def _is_decided(ongoing: OngoingOperation) -> bool:
    """Whether the operation can end, or fail, without waiting for anything."""
    if not ongoing.open_steps:
        return True
    if ongoing.failure is not None:
        return ongoing.failure.code is FailureCode.GIVEN_UP
    return not ongoing.joins_hunt_group and any(step.failure for step in ongoing.open_steps)
