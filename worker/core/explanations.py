"""What an operation waits for, in words, and what happens if it waits in vain."""

from datetime import UTC, datetime
from typing import Final

from contracts.values import AtDeadline, NumberStatus, Operation
from worker.core.operation import OngoingOperation, PbxStep

__all__ = ["at_deadline", "clock_time", "explained"]

_NEXT: Final = {
    AtDeadline.BACK_TO_RESERVED: (
        "If that is not done by {deadline}, the number goes back to RESERVED."
    ),
    AtDeadline.NEEDS_A_PERSON: "If that is not done by {deadline}, a person must decide.",
    AtDeadline.KEEPS_TRYING: "The number is in use; it is tried again for as long as it takes.",
}


def at_deadline(status: NumberStatus, ongoing: OngoingOperation) -> AtDeadline:
    """What happens at the deadline to a number in this status."""
    if status is NumberStatus.ACTIVE:
        return AtDeadline.KEEPS_TRYING
    if status is NumberStatus.PENDING and ongoing.operation is Operation.ACTIVATE:
        return AtDeadline.BACK_TO_RESERVED
    return AtDeadline.NEEDS_A_PERSON


def explained(status: NumberStatus, ongoing: OngoingOperation) -> str:
    """What it waits for and what happens next, for people."""
    if ongoing.failure is not None:
        return f"{ongoing.failure.detail} A person must decide: `activation-worker resolve`."
    waits_for = "; ".join(map(_step_in_words, ongoing.open_steps)) or "the broker"
    deadline = clock_time(ongoing.deadline)
    then = _NEXT[at_deadline(status, ongoing)].format(deadline=deadline)
    return f"It waits for {waits_for}. {then}"


def clock_time(moment: datetime | None) -> str:
    """The moment for people, in UTC."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "never"


def _step_in_words(step: PbxStep) -> str:
    attempts = f" of {step.attempts_maximum}" if step.attempts_maximum else ""
    sent = f"sent at {clock_time(step.sent_at)}" if step.sent_at else "not yet sent"
    answer = f", last result {step.last_result}" if step.last_result else ""
    return f"{step.step} (attempt {step.attempt}{attempts}, {sent}{answer})"
