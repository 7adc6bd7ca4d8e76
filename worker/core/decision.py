"""What a decision is made of."""

from enum import StrEnum, unique
from typing import NamedTuple

from contracts.messages import PublishedMessage
from contracts.refusals import RefusalCode
from worker.core.operation import Failure, PbxStep
from worker.core.situation import Number

__all__ = ["Decision", "Outcome"]


@unique
class Outcome(StrEnum):
    """How far a command has come."""

    PENDING = "pending"
    """Accepted; the operation is under way."""
    COMPLETED = "completed"
    FAILED = "failed"
    """Ended without success."""
    NOTIFIED = "noticed"
    """PublishResult on the way: late, or waiting for a person."""
    ASKED_AGAIN = "asked again"
    """A step's message is published once more, under the same id."""
    CLEANED_UP = "settled"
    """What an ended operation had left outstanding is done, or given up."""
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    """Seen before with the same content: nothing is changed, stored or said again."""


class Decision(NamedTuple):
    """The new state, what must be said in this order, and what the ledger keeps."""

    outcome: Outcome
    number: Number | None = None
    """The number as it is from now on; None where nothing changes."""
    messages: tuple[PublishedMessage, ...] = ()
    """The first one answers the command."""
    asked_again: tuple[PbxStep, ...] = ()
    """The steps whose messages are published once more."""
    refusal: RefusalCode | None = None
    failure: Failure | None = None
    detail: str | None = None
    """For people: the state or the arithmetic behind a refusal, the reason of a failure."""
