"""When something next follows of an operation, without any news of it."""

from datetime import UTC, datetime
from typing import Final

from contracts.values import FailureCode, NumberStatus
from worker.core.operation import OngoingOperation
from worker.core.situation import Number

__all__ = ["AT_ONCE", "due_at"]

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
    if _is_decided(number.status, ongoing):
        return AT_ONCE
    moments = [step.again_at for step in ongoing.planned_retries]
    if ongoing.failure is None:
        moments += _limits(number.status, ongoing)
    return min(filter(None, moments), default=None)


def _is_decided(status: NumberStatus, ongoing: OngoingOperation) -> bool:
    """Whether the operation can end, or fail, without waiting for anything."""
    if not ongoing.open_steps:
        return True
    if ongoing.failure is not None:
        return ongoing.failure.code is FailureCode.GIVEN_UP
    return status is not NumberStatus.ACTIVE and any(step.failure for step in ongoing.open_steps)


def _limits(status: NumberStatus, ongoing: OngoingOperation) -> list[datetime]:
    """When the operation becomes late, and when its time is up."""
    limits = []
    if not ongoing.delayed and all(step.was_offered for step in ongoing.open_steps):
        limits.append(ongoing.at_risk_at)
    if status is not NumberStatus.ACTIVE and all(step.sent_at for step in ongoing.open_steps):
        limits.append(ongoing.deadline)
    return limits
