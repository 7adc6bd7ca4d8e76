"""First answers: what a repeated command gets once more."""

from typing import NamedTuple, Protocol

__all__ = ["Answer", "StoredAnswer"]


class Answer(Protocol):
    """The first answer to a command: PENDING or a rejection, with its id and its exact content."""

    @property
    def id(self) -> str:
        """The id of the message."""

    @property
    def type(self) -> str:
        """The type of the message."""

    def encode(self) -> bytes:
        """The body of the message."""


class StoredAnswer(NamedTuple):
    """An answer as the ledger keeps it: a later version may write the same message differently."""

    id: str
    type: str
    body: bytes

    def encode(self) -> bytes:
        """The body of the message."""
        return self.body
