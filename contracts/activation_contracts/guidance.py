"""What a developer has to know of a message beside its fields."""

from dataclasses import dataclass

__all__ = ["Guidance"]


@dataclass(frozen=True, slots=True)
class Guidance:
    """Stands with the class of each message. Backticks mark names; there is no other markup."""

    sender: str
    """Who sends the message."""
    when: str
    """On what occasion, and what must have happened before."""
    repeats: str
    """What may be repeated or arrive late, and how to recognise it."""
    receiver: str
    """What the receiver does with the message."""
