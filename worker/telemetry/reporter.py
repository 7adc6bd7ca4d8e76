"""What is told of the work: one log line for each thing that happened, and its count."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from contracts.messages import Command, PbxResult
from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.results import Verdict
from worker.storage.outbox import OutgoingMessage
from worker.telemetry.logs import Action, Logger, get_logger
from worker.telemetry.metrics import UNKNOWN, Metrics

__all__ = ["Reporter", "Telling"]

ACTIONS: Final = {
    Outcome.PENDING: Action.COMMAND_ACCEPTED,
    Outcome.REJECTED: Action.COMMAND_REJECTED,
    Outcome.DUPLICATE: Action.COMMAND_DUPLICATE,
}


CONCLUSIONS: Final = {
    Outcome.COMPLETED: Action.COMMAND_COMPLETED,
    Outcome.FAILED: Action.OPERATION_FAILED,
    Outcome.NOTIFIED: Action.OPERATION_DELAYED,
    Outcome.CLEANED_UP: Action.OPERATION_CLEANED_UP,
}
LEVELS: Final = {
    Action.OPERATION_FAILED: "warning",
    Action.OPERATION_DELAYED: "warning",
    Action.OPERATION_NEEDS_A_PERSON: "error",
}


class Reporter:
    """Tells the log and the metrics, so that the path itself stays free of both."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics

    def committed(self, messages: int, seconds: float) -> None:
        """What followed from a batch is stored."""
        self.metrics.batch_committed(messages, seconds)

    def decided(
        self, commands: Sequence[Command], decisions: Sequence[Decision], at: datetime
    ) -> None:
        """Commands were decided, and that was stored at that time."""
        log = get_logger().bind()
        for command, decision in zip(commands, decisions, strict=True):
            self.metrics.command_decided(command, decision, at)
            log.info(
                ACTIONS[decision.outcome],
                phone_number=command.data.phone_number,
                command_id=command.id,
                correlation_id=command.correlationid or command.id,
                **_refusal_of(decision),
            )

    def concluded(self, items: Sequence[Advanced]) -> None:
        """Something followed of operations, and that is stored."""
        now = datetime.now(UTC)
        log = get_logger().bind()
        for item in items:
            self._concluded(item, log, now)

    def _concluded(self, item: Advanced, log: Logger, now: datetime) -> None:
        before, decision = item
        if before.ongoing is None or decision.number is None:
            return
        self.metrics.operation_concluded(item, now)
        action = CONCLUSIONS[decision.outcome]
        if decision.outcome is Outcome.NOTIFIED and decision.failure is not None:
            action = Action.OPERATION_NEEDS_A_PERSON
        tell = getattr(log, LEVELS.get(action, "info"))
        tell(
            action,
            phone_number=before.phone_number,
            command_id=before.ongoing.command_id,
            correlation_id=before.ongoing.correlation_id,
            status=decision.number.status,
            **({"detail": decision.detail} if decision.detail else {}),
        )

    def answered(
        self, result: PbxResult, phone_number: str | None, verdict: Verdict | None
    ) -> None:
        """A PBX result was counted, or did nothing; that is stored."""
        effect = verdict.value if verdict else UNKNOWN
        self.metrics.result_received(result.data.result, effect)
        get_logger().info(
            Action.RESULT_RECEIVED,
            phone_number=phone_number,
            operation_id=result.data.operation_id,
            result=result.data.result.value,
            code=result.data.code,
            effect=effect,
        )

    def blocked(self, *, blocked: bool) -> None:
        """The broker has stopped reading from publishers, or goes on."""
        self.metrics.blocked(blocked=blocked)
        if blocked:
            get_logger().error(Action.BROKER_BLOCKED)
        else:
            get_logger().info(Action.BROKER_UNBLOCKED)

    def paused(self, oldest: datetime | None) -> None:
        """Nothing more is taken in, because a message of that time was not said; None: it is."""
        self.metrics.paused(paused=oldest is not None)
        if oldest is None:
            get_logger().info(Action.INTAKE_RESUMED)
        else:
            get_logger().warning(Action.INTAKE_PAUSED, oldest_message_of=oldest.isoformat())

    def unsendable(self, message: OutgoingMessage, reason: str) -> None:
        """A message can never be sent as it is, and is parked."""
        get_logger().error(
            Action.MESSAGE_UNSENDABLE,
            phone_number=message.phone_number,
            position=message.position,
            message_id=message.message_id,
            type=message.message_type,
            reason=reason,
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


class Telling:
    """Tells what followed of operations once that was said, and after what was decided before."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.before: list[Callable[[], None]] = []
        """These tell of what was decided."""
        self._untold: list[Advanced] = []

    def add(self, concluded: Sequence[Advanced]) -> None:
        """Takes note of what followed."""
        self._untold.extend(concluded)

    def tell(self) -> None:
        """Tells all of it."""
        if not self._untold:
            # What was only decided makes way for what is still to be said.
            return
        for tell in self.before:
            tell()
        untold, self._untold = self._untold, []
        self._reporter.concluded(untold)
