"""Decisions: what `decide` and `advance` return."""

from enum import StrEnum, unique
from typing import NamedTuple

from activation_contracts.messages import EntitlementRestored, Previewed, PublishedMessage
from activation_contracts.refusals import RefusalCode

from worker.core.answers import Answer
from worker.core.operations.operation import Failure, PbxStep
from worker.core.situation import Number

__all__ = ["Decision", "Outcome"]


@unique
class Outcome(StrEnum):
    """The progress of a command after a decision."""

    PENDING = "pending"
    """Accepted; the operation is under way."""
    COMPLETED = "completed"
    FAILED = "failed"
    """The operation ended without success."""
    NOTIFIED = "notified"
    """The operation, or its aftermath, continues; a message reports that it is late or needs an
    operator."""
    RETRIED = "retried"
    """The operation, or its aftermath, continues; messages of its steps are published again."""
    CLEANED_UP = "cleaned_up"
    """The aftermath of an ended operation is done, or an operator gave it up."""
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    """The same command with the same content came before: no change, no row, no event."""
    PREVIEWED = "previewed"
    """A preview: no change, no row; its answer says what the command would lead to."""


class Decision(NamedTuple):
    """A change of one number, the messages to publish in this order, and the ledger entry."""

    outcome: Outcome
    number: Number | None = None
    """The number after the decision; None if it does not change."""
    messages: tuple[PublishedMessage, ...] = ()
    """The first one is also the reply to the command."""
    retried: tuple[PbxStep, ...] = ()
    """The steps whose messages are published again, under the same ids."""
    refusal: RefusalCode | None = None
    """Set if and only if the outcome is REJECTED."""
    failure: Failure | None = None
    detail: str | None = None
    """For people: the facts behind a refusal, or the reason of a failure."""
    first_answer: Answer | None = None
    """What the command was answered before; set if and only if the outcome is DUPLICATE."""
    preview: Previewed | None = None
    """The answer to a preview; set if and only if the outcome is PREVIEWED."""

    @property
    def ends_of_shortages(self) -> tuple[EntitlementRestored, ...]:
        """The messages which say that what the account uses fits again: at most one."""
        return tuple(
            message for message in self.messages if isinstance(message, EntitlementRestored)
        )
