"""What the results of a PBX, and its silence, do to a step: a table."""

from enum import StrEnum, unique
from typing import Final, Literal

from activation_contracts.values import StepResult

__all__ = ["SILENCE", "VERDICTS", "Condition", "Verdict"]


@unique
class Verdict(StrEnum):
    """The effect of a result, or of silence, on a step."""

    DONE = "done"
    RETRY = "retry"
    """The message is sent again after a pause."""
    FAILED = "failed"
    DUPLICATE = "duplicate"
    """No effect: the result was counted before, or its retry is already planned."""
    IGNORED = "ignored"
    """No effect: the step is done or has failed."""


@unique
class Condition(StrEnum):
    """The condition of a step when a result arrives, or does not."""

    ATTEMPTS_LEFT = "attempts left"
    LAST_ATTEMPT = "last attempt"
    UNLIMITED = "unlimited attempts"
    """A hunt-group join: the number is ACTIVE and stays so [D]."""
    FAILED = "failed"
    """An operator must decide."""


_DONE: Final = dict.fromkeys(Condition, Verdict.DONE)

SILENCE: Final = "silence"
"""In place of a result: the PBX has the message and does not answer. It uses up no attempt [D]."""

VERDICTS: Final[dict[StepResult | Literal["silence"], dict[Condition, Verdict]]] = {
    StepResult.DONE: _DONE,
    StepResult.ALREADY: _DONE,
    StepResult.NOT_APPLICABLE: _DONE,
    StepResult.RETRY_LATER: {
        Condition.ATTEMPTS_LEFT: Verdict.RETRY,
        Condition.LAST_ATTEMPT: Verdict.FAILED,
        Condition.UNLIMITED: Verdict.RETRY,
        Condition.FAILED: Verdict.IGNORED,
    },
    StepResult.REFUSED: {
        Condition.ATTEMPTS_LEFT: Verdict.FAILED,
        Condition.LAST_ATTEMPT: Verdict.FAILED,
        Condition.UNLIMITED: Verdict.RETRY,
        Condition.FAILED: Verdict.IGNORED,
    },
    SILENCE: {
        Condition.ATTEMPTS_LEFT: Verdict.RETRY,
        Condition.LAST_ATTEMPT: Verdict.RETRY,
        Condition.UNLIMITED: Verdict.RETRY,
        Condition.FAILED: Verdict.IGNORED,
    },
}
"""The verdict for each result and for silence, by the condition of a step that is not done [D]."""
