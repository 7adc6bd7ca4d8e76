"""Texts for people: what an operation waits for, and what happens at its deadline."""

from datetime import UTC, datetime
from typing import Final

from contracts.values import AtDeadline, NumberStatus, Operation
from worker.core.operation import OngoingOperation, PbxStep

__all__ = ["at_deadline", "clock_time", "explain"]

_CONSEQUENCES: Final = {
    AtDeadline.BACK_TO_RESERVED: (
        "If that is not done by {deadline}, the number goes back to RESERVED."
    ),
    AtDeadline.NEEDS_A_PERSON: "If that is not done by {deadline}, an operator must decide.",
    AtDeadline.KEEPS_TRYING: "The number is in use; the worker retries without a limit.",
}


def at_deadline(status: NumberStatus, ongoing: OngoingOperation) -> AtDeadline:
    """What happens at the deadline to a number in this status [D]."""
    if status is NumberStatus.ACTIVE:
        return AtDeadline.KEEPS_TRYING
    if status is NumberStatus.PENDING and ongoing.operation is Operation.ACTIVATE:
        return AtDeadline.BACK_TO_RESERVED
    return AtDeadline.NEEDS_A_PERSON


def explain(status: NumberStatus, ongoing: OngoingOperation) -> str:
    """One or two sentences: what the operation waits for, and what happens next."""
    if ongoing.failure is not None:
        return f"{ongoing.failure.detail} An operator must decide: run `activation-worker resolve`."
    waits_for = "; ".join(map(_describe_step, ongoing.open_steps)) or "the broker"
    deadline = clock_time(ongoing.deadline)
    consequence = _CONSEQUENCES[at_deadline(status, ongoing)].format(deadline=deadline)
    return f"It waits for {waits_for}. {consequence}"


def clock_time(moment: datetime | None) -> str:
    """The moment in UTC, to the second; "never" for None."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "never"


def _describe_step(step: PbxStep) -> str:
    attempts = f" of {step.attempts_maximum}" if step.attempts_maximum else ""
    sent = f"sent at {clock_time(step.sent_at)}" if step.sent_at else "not yet sent"
    last_result = f", last result {step.last_result}" if step.last_result else ""
    return f"{step.step} (attempt {step.attempt}{attempts}, {sent}{last_result})"
