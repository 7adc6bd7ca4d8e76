"""What is told of the work: one log line for each thing that happened, and its count."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from contracts.messages import Command
from worker.core.decision import Decision, Outcome
from worker.core.situation import Number
from worker.shell.database.outbox import OutgoingMessage
from worker.shell.logs import Action, get_logger
from worker.shell.metrics import Metrics

__all__ = ["Reporter"]

ACTIONS: Final = {
    Outcome.PENDING: Action.COMMAND_ACCEPTED,
    Outcome.REJECTED: Action.COMMAND_REJECTED,
    Outcome.DUPLICATE: Action.COMMAND_DUPLICATE,
}


class Reporter:
    """Tells the log and the metrics, so that the path itself stays free of both."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def decided(
        self, commands: Sequence[Command], decisions: Sequence[Decision], seconds: float
    ) -> None:
        """A batch was decided, and that is stored."""
        now = datetime.now(UTC)
        self.metrics.batch_committed(len(commands), seconds)
        for command, decision in zip(commands, decisions, strict=True):
            self.metrics.command_decided(command, decision, now)
            get_logger().info(
                ACTIONS[decision.outcome],
                phone_number=command.data.phone_number,
                command_id=command.id,
                correlation_id=command.correlationid or command.id,
                **_refusal_of(decision),
            )

    def completed(self, before: Number, decision: Decision) -> None:
        """An operation has ended, and that is stored."""
        if before.pending is None or decision.number is None:
            return
        self.metrics.command_completed(before, datetime.now(UTC))
        get_logger().info(
            Action.COMMAND_COMPLETED,
            phone_number=before.phone_number,
            command_id=before.pending.command_id,
            correlation_id=before.pending.correlation_id,
            status=decision.number.status,
        )

    def unreadable(self, code: str, detail: str) -> None:
        """A message can never be handled."""
        self.metrics.message_unreadable(code)
        get_logger().warning(Action.MESSAGE_UNREADABLE, code=code, detail=detail)

    def published(self, message: OutgoingMessage) -> None:
        """The broker has confirmed a message."""
        self.metrics.message_published(message.message_type)

    def unheard(self, message: OutgoingMessage) -> None:
        """An event was said, and nobody had subscribed to it."""
        self.metrics.event_without_subscriber(message.message_type)

    def refused(self, message: OutgoingMessage, reason: str) -> None:
        """The broker did not take a message: it is kept."""
        self.metrics.message_returned(message.message_type)
        get_logger().error(
            Action.MESSAGE_RETURNED,
            phone_number=message.phone_number,
            message_id=message.message_id,
            message_type=message.message_type,
            reason=reason,
            attempts=message.attempts + 1,
        )


def _refusal_of(decision: Decision) -> dict[str, object]:
    if decision.refusal is None:
        return {}
    return {"refusal": decision.refusal, "detail": decision.detail}
