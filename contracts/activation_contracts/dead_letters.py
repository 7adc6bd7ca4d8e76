"""Why a message is in the dead-letter queue although it could be read."""

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

__all__ = ["DEAD_LETTER_REMEDIES", "DeadLetterCode"]


@unique
class DeadLetterCode(StrEnum):
    """Codes of dead letters, beside those of messages that cannot be read."""

    CANNOT_BE_STORED = "CANNOT_BE_STORED"
    """The message was readable, but the database cannot store one of its values."""
    KILLS_THE_WORKER = "KILLS_THE_WORKER"
    """The worker began several times to handle the message, and never finished."""
    NOT_ROUTED = "NOT_ROUTED"
    """The command was published under a routing key that no queue is bound for. The broker confirms
    it, and `mandatory` returns it only if the dead-letter queue and the command queue are
    missing."""
    GIVEN_UP_BY_THE_BROKER = "GIVEN_UP_BY_THE_BROKER"
    """The broker removed the message, because of its limits or an AMQP `expiration`."""


_DEFECT: Final = (
    "It is a defect of the worker: tell its operator. The message is kept unchanged, and can be "
    "replayed when the defect is corrected."
)

DEAD_LETTER_REMEDIES: Final[Mapping[DeadLetterCode, str]] = {
    DeadLetterCode.CANNOT_BE_STORED: _DEFECT,
    DeadLetterCode.KILLS_THE_WORKER: _DEFECT,
    DeadLetterCode.NOT_ROUTED: (
        "Publish it again with the routing key of its type, under the same `id`; or have an "
        "operator replay it with `--routing-key`."
    ),
    DeadLetterCode.GIVEN_UP_BY_THE_BROKER: (
        "Set `expirytime` in the event instead of the AMQP `expiration`, and send the message "
        "again, under the same `id`."
    ),
}
"""What to do, by code."""
