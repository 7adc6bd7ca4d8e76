"""Answers that go to the `reply_to` of a message alone."""

from typing import Literal

from activation_contracts.envelope import WORKER_SOURCE, Data, Envelope, Source
from activation_contracts.guidance import Guidance
from activation_contracts.reading.errors import ReadErrorCode
from activation_contracts.values import Identifier, Timestamp

__all__ = [
    "MessageUnreadable",
    "MessageUnreadableData",
]


class MessageUnreadableData(Data):
    """The message that cannot be read, and why."""

    id: Identifier
    """The id of that message: of the event, or else the AMQP message id."""
    source: Source | None
    """The source of that message; null if it cannot be read."""
    code: ReadErrorCode
    """Why the message cannot be read, for programs."""
    detail: str
    """The problem and what to send instead, for people."""


class MessageUnreadable(Envelope):
    """A message cannot be read and had no effect. It is in the dead-letter queue."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "A message that has a `reply_to` cannot be read. It goes there alone, if the message "
            "has an `id` or an AMQP message id; nothing is published on `telephony.events`."
        ),
        repeats=(
            "No delivery guarantee: the dead letter is guaranteed, this answer is not. A repeat "
            "has the same `id`."
        ),
        receiver=(
            "Log `code` and `detail`, correct the program, and send the message again, under the "
            "same `id` if you like: it was not decided."
        ),
    )

    type: Literal["telephony.message.unreadable.v1"] = "telephony.message.unreadable.v1"
    source: Source = WORKER_SOURCE
    time: Timestamp
    correlationid: Identifier
    causationid: Identifier
    data: MessageUnreadableData
