"""Texts for people: what an operation or its aftermath waits for, and what happens next."""

from datetime import UTC, datetime
from typing import Final

from activation_contracts.values import AftermathKind, AtDeadline, NumberStatus, Operation

from worker.core.operations.operation import OngoingOperation, PbxStep

__all__ = ["AFTERMATHS", "at_deadline", "clock_time", "explain"]

AFTERMATHS: Final = {
    AftermathKind.HUNT_GROUP_JOIN: "hunt-group join",
    AftermathKind.COMPENSATION: "reset after the failed activation",
}
"""The name of each aftermath."""

_CONSEQUENCES: Final = {
    AtDeadline.BACK_TO_RESERVED: (
        "If that is not done by {deadline}, the number goes back to RESERVED."
    ),
    AtDeadline.NEEDS_A_PERSON: "If that is not done by {deadline}, an operator must decide.",
}
_RESOLVE: Final = "An operator must decide: run `activation-worker resolve`."


def at_deadline(operation: Operation) -> AtDeadline:
    """What happens at the deadline of an operation under way [D]."""
    if operation is Operation.ACTIVATE:
        return AtDeadline.BACK_TO_RESERVED
    return AtDeadline.NEEDS_A_PERSON


def explain(status: NumberStatus, ongoing: OngoingOperation) -> str:
    """A few sentences: what the operation or its aftermath waits for, and what happens next."""
    waits_for = "; ".join(map(_describe_step, ongoing.open_steps)) or "the broker"
    deadline = clock_time(ongoing.deadline)
    if ongoing.failure is not None:
        return f"{ongoing.failure.detail} {_RESOLVE} Until then it waits for {waits_for}."
    if ongoing.aftermath is None:
        consequence = _CONSEQUENCES[at_deadline(ongoing.operation)].format(deadline=deadline)
        return f"It waits for {waits_for}. {consequence}"
    if ongoing.joins_hunt_group:
        return (
            f"The number is {status} and its command has ended. The join waits for {waits_for}. The"
            " worker asks again until it is done; `activation-worker resolve` ends it."
        )
    return (
        f"The number is {status} and its command has ended. The reset waits for {waits_for}."
        f" {_CONSEQUENCES[AtDeadline.NEEDS_A_PERSON].format(deadline=deadline)}"
    )


def clock_time(moment: datetime | None) -> str:
    """The moment in UTC, to the second; "never" for None."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if moment else "never"


def _describe_step(step: PbxStep) -> str:
    # Silence raises the limit with the attempt: "6 of 10" would read as a limit that moves.
    left = step.attempts_maximum - step.attempt if step.attempts_maximum else 0
    attempts = f", up to {left} more on retry_later" if left else ""
    error = f", refused: {step.publish_error}" if step.publish_error else ""
    sent = f"sent at {clock_time(step.sent_at)}" if step.sent_at else f"not yet sent{error}"
    last_result = f", last result {step.last_result}" if step.last_result else ""
    again = f", to be asked again at {clock_time(step.request_at)}" if step.request_at else ""
    return f"{step.step} (attempt {step.attempt}{attempts}, {sent}{last_result}{again})"
