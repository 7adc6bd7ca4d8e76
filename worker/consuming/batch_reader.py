"""Reads the messages of a batch; answers and dead-letters those that can never be handled."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.envelope import Envelope
from activation_contracts.reading import UnreadableError, read
from activation_contracts.topology import UNROUTED_COMMANDS
from opentelemetry.trace import INVALID_SPAN, Span

from worker.broker.delivery import Delivery
from worker.broker.forwarding import ERROR_HEADERS
from worker.consuming.answering.replies import UnreadableAnswers
from worker.consuming.batches import Batch
from worker.consuming.dead_letters import DeadLetters
from worker.core.poison import POISON_AFTER_ATTEMPTS

__all__ = ["BatchReader", "Incoming", "Message"]

POISON_DETAIL: Final = (
    f"the worker began to handle it {POISON_AFTER_ATTEMPTS} times, the last times alone, and never"
    " finished: each time it died or lost its servers"
)

Message = TypeVar("Message", bound=Envelope)


class Incoming(NamedTuple, Generic[Message]):
    """A message and the delivery that brought it."""

    delivery: Delivery
    message: Message
    span: Span = INVALID_SPAN
    """From when it was read to the commit of what follows from it, if it is traced."""

    def traced(self, message: Message, span: Span) -> "Incoming[Message]":
        """The same with its span, which the message names."""
        return self._replace(message=message, span=span)


class BatchReader(Generic[Message]):
    """Reads the messages of one queue, each alone."""

    def __init__(
        self,
        messages: Mapping[str, type[Message]],
        dead_letters: DeadLetters,
        answers: UnreadableAnswers,
        *,
        check: Callable[[Incoming[Message]], None] | None = None,
    ) -> None:
        """`messages` are the types that may occur.

        `check` raises `UnreadableError` for a message that lacks what its handler needs besides
        the body.
        """
        self._messages = messages
        self._dead_letters = dead_letters
        self._answers = answers
        self._check = check

    def read_all(self, batch: Batch) -> Sequence[Incoming[Message]]:
        """The readable messages of the batch; begins to dead-letter the others."""
        if batch.is_poison:
            (delivery,) = batch.deliveries
            self._dead_letters.put(delivery, DeadLetterCode.KILLS_THE_WORKER, POISON_DETAIL)
            return ()
        readable = []
        for delivery in batch.deliveries:
            if delivery.exchange == UNROUTED_COMMANDS:
                self._return_dead_letter(delivery)
                continue
            try:
                readable.append(self._read(delivery))
            except UnreadableError as error:
                self._answers.send(delivery, error)
                self._dead_letters.put(delivery, error.code, error.detail)
        return readable

    async def flush(self) -> None:
        """Waits a few seconds for answers not yet sent and dead letters not yet stored."""
        await self._answers.flush()
        await self._dead_letters.flush()

    def _return_dead_letter(self, delivery: Delivery) -> None:
        # A command that reads the dead-letter queue has moved it to the end, while the binding of
        # that queue was missing: it has been given up once, and is not handled now.
        code, detail = (str(delivery.headers.get(name, "")) for name in ERROR_HEADERS)
        self._dead_letters.put(delivery, code or DeadLetterCode.NOT_ROUTED, detail)

    def _read(self, delivery: Delivery) -> Incoming[Message]:
        message = read(
            delivery.body,
            delivery.properties.content_type,
            self._messages,
            content_encoding=delivery.properties.content_encoding,
            headers=delivery.headers,
        )
        incoming = Incoming(delivery, message)
        if self._check is not None:
            self._check(incoming)
        return incoming
