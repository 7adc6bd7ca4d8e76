"""Logs and counts what the worker did, so that the two loops stay free of both."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from time import monotonic
from typing import Final, Protocol

from activation_contracts.messages import (
    Command,
    EntitlementExceeded,
    OperationAftermath,
    PbxResult,
)

from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.directory.change import Verdict as RecordVerdict
from worker.core.directory.work import Applied
from worker.core.entitlement import EntitlementChanged
from worker.core.lanes import Lane
from worker.core.operations.verdicts import Verdict
from worker.telemetry.logs import Action, Logger, get_logger
from worker.telemetry.logs.rate import LogRate
from worker.telemetry.metrics import Metrics
from worker.telemetry.metrics.families import UNKNOWN, ReportOutcome
from worker.telemetry.tracing import Tracing, trace_id_of

__all__ = ["LoggedMessage", "Reporter"]

DECISION_ACTIONS: Final = {
    Outcome.PENDING: Action.COMMAND_ACCEPTED,
    Outcome.REJECTED: Action.COMMAND_REJECTED,
    Outcome.DUPLICATE: Action.COMMAND_REPEATED,
    Outcome.PREVIEWED: Action.COMMAND_PREVIEWED,
}
LOGGED_AGAIN_SECONDS: Final = 60
"""How often a mistake of a publisher is logged, which may be in every message; all are counted."""

OPERATION_ACTIONS: Final = {
    Outcome.COMPLETED: Action.COMMAND_COMPLETED,
    Outcome.FAILED: Action.OPERATION_FAILED,
    Outcome.NOTIFIED: Action.OPERATION_DELAYED,
    Outcome.RETRIED: Action.OPERATION_RETRIED,
}
AFTERMATH_ACTIONS: Final = {
    Outcome.NOTIFIED: Action.AFTERMATH_OUTSTANDING,
    Outcome.RETRIED: Action.AFTERMATH_RETRIED,
    Outcome.CLEANED_UP: Action.AFTERMATH_ENDED,
}
ERRORS: Final = {Action.OPERATION_NEEDS_OPERATOR, Action.AFTERMATH_NEEDS_OPERATOR}
WARNINGS: Final = {
    Action.OPERATION_FAILED,
    Action.OPERATION_DELAYED,
    Action.AFTERMATH_OUTSTANDING,
}

UNREADABLE_LINES_PER_SECOND: Final = 10


class LoggedMessage(Protocol):
    """What the log shows of a message of the outbox."""

    @property
    def position(self) -> int:
        """Its position in the outbox, by which the operator commands name it."""

    @property
    def subject(self) -> str:
        """The number, or the account at a site, that it is about."""

    @property
    def message_id(self) -> str:
        """Its id in the envelope."""

    @property
    def message_type(self) -> str:
        """Its type in the envelope."""

    @property
    def attempts(self) -> int:
        """How often publishing it failed before."""


class Reporter:
    """Writes a log record and counts it, for each thing that the worker did."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        self.tracing = tracing or Tracing()
        self._logged_at: dict[Action, float] = {}
        self._unreadable = LogRate(UNREADABLE_LINES_PER_SECOND)

    def batch_committed(self, messages: int, seconds: float) -> None:
        """A batch of messages was committed; it took this long, with its retries."""
        self.metrics.batch_committed(messages, seconds)

    def decided(
        self,
        commands: Sequence[Command],
        decisions: Sequence[Decision],
        at: datetime,
        lanes: Sequence[Lane],
    ) -> None:
        """Commands of these lanes were decided, and the decisions committed at that time."""
        log = get_logger().bind()
        for command, decision, lane in zip(commands, decisions, lanes, strict=True):
            self.metrics.command_decided(command, decision, at, lane)
            log.info(
                DECISION_ACTIONS[decision.outcome],
                phone_number=command.data.phone_number,
                command_id=command.id,
                correlation_id=command.correlationid or command.id,
                **trace_id_of(command.traceparent),
                **_refusal_of(decision),
            )
            self._log_superseded(decision, log)

    def _log_superseded(self, decision: Decision, log: Logger) -> None:
        for message in decision.messages:
            if isinstance(message, OperationAftermath):
                log.info(
                    Action.AFTERMATH_ENDED,
                    phone_number=message.subject,
                    command_id=message.data.command_id,
                    correlation_id=message.correlationid,
                    status=message.data.status,
                    detail=message.data.detail,
                )

    def advanced(self, items: Sequence[Advanced], at: datetime) -> None:
        """Operations were advanced, and that was committed at this time."""
        log = get_logger().bind()
        for item in items:
            self._log_advanced(item, log, at)

    def _log_advanced(self, item: Advanced, log: Logger, at: datetime) -> None:
        before, decision = item
        if before.ongoing is None or decision.number is None:
            return
        self.metrics.operation_advanced(item, at)
        self.tracing.advanced(item, at)
        action = _action_of(decision, is_aftermath=before.ongoing.aftermath is not None)
        _level(log, action)(
            action,
            phone_number=before.phone_number,
            command_id=before.ongoing.command_id,
            correlation_id=before.ongoing.correlation_id,
            **trace_id_of(before.ongoing.traceparent),
            status=decision.number.status,
            **({"detail": decision.detail} if decision.detail else {}),
        )
        self.entitlements_changed(decision.ends_of_shortages)

    def entitlements_changed(self, changes: Iterable[EntitlementChanged]) -> None:
        """Shortages that began or ended were committed."""
        for change in changes:
            is_exceeded = isinstance(change, EntitlementExceeded)
            log = get_logger()
            (log.warning if is_exceeded else log.info)(
                Action.ENTITLEMENT_EXCEEDED if is_exceeded else Action.ENTITLEMENT_RESTORED,
                account_id=change.data.account_id,
                site_id=change.data.site_id,
                correlation_id=change.correlationid,
                **change.data.entitlement.model_dump(),
            )

    def result_received(
        self,
        result: PbxResult,
        phone_number: str | None,
        verdict: Verdict | None,
        traceparent: str | None = None,
    ) -> None:
        """The effect of a PBX result was committed; no verdict if no step awaited the result.

        `traceparent` names the trace of the operation.
        """
        effect = verdict.value if verdict else UNKNOWN
        self.metrics.result_received(result.data.result, effect)
        get_logger().info(
            Action.RESULT_RECEIVED,
            phone_number=phone_number,
            operation_id=result.data.operation_id,
            result=result.data.result.value,
            code=result.data.code,
            effect=effect,
            **trace_id_of(traceparent),
        )

    def records_applied(self, applied: Applied) -> None:
        """What the platform stated was applied, waits, or contradicts what is held."""
        log = get_logger().bind()
        for outcome in applied.outcomes:
            change, verdict, detail = outcome.change, outcome.verdict, outcome.detail
            self.metrics.record_received(change.record.KIND, verdict)
            is_conflict = verdict is RecordVerdict.CONFLICT
            (log.warning if is_conflict else log.info)(
                Action.RECORD_RECEIVED,
                record=change.described,
                version=change.version,
                deleted=change.deleted,
                message_id=change.cause.id,
                effect=verdict.value,
                **({"detail": detail} if detail else {}),
            )
        self.entitlements_changed(applied.shortages)

    def broker_blocked(self) -> None:
        """The broker blocked our publishers."""
        self.metrics.broker_blocked(blocked=True)
        get_logger().error(Action.BROKER_BLOCKED)

    def broker_unblocked(self) -> None:
        """The broker accepts messages again."""
        self.metrics.broker_blocked(blocked=False)
        get_logger().info(Action.BROKER_UNBLOCKED)

    def intake_paused(self, since: datetime, by: str, why: str) -> None:
        """An operator has paused the intake of commands."""
        self.metrics.intake_paused(paused=True)
        get_logger().warning(Action.INTAKE_PAUSED, since=since.isoformat(), by=by, why=why)

    def intake_resumed(self) -> None:
        """An operator has ended the pause of the intake."""
        self.metrics.intake_paused(paused=False)
        get_logger().info(Action.INTAKE_RESUMED)

    def consuming_paused(self, oldest: datetime | None) -> None:
        """A consumer paused, because a message queued at that time is still unpublished."""
        self.metrics.consumer_paused()
        oldest_message_of = oldest.isoformat() if oldest else None
        get_logger().warning(Action.CONSUMING_PAUSED, oldest_message_of=oldest_message_of)

    def consuming_resumed(self) -> None:
        """A consumer that had paused consumes again."""
        self.metrics.consumer_resumed()
        get_logger().info(Action.CONSUMING_RESUMED)

    def unreadable(self, code: str, detail: str) -> None:
        """A message can never be handled."""
        self.metrics.message_unreadable(code)
        unlogged = self._unreadable.admit()
        if unlogged is not None:
            more = {"unlogged": unlogged} if unlogged else {}
            get_logger().warning(Action.MESSAGE_UNREADABLE, code=code, detail=detail, **more)

    def dead_letters_published(self, messages: int) -> None:
        """The dead-letter queue confirmed this many dead letters."""
        get_logger().warning(Action.MESSAGES_DEAD_LETTERED, messages=messages)

    def dead_letters_refused(self, reason: str) -> None:
        """The dead-letter queue has refused dead letters: they stay in the database."""
        get_logger().error(Action.DEAD_LETTERS_REFUSED, reason=reason)

    def dead_letter_queue_broken(self, problem: str) -> None:
        """The dead-letter queue or the exchange before it cannot be used."""
        get_logger().error(Action.DEAD_LETTER_QUEUE_BROKEN, problem=problem)

    def dead_letter_queue_restored(self) -> None:
        """The dead-letter queue can be used again."""
        get_logger().info(Action.DEAD_LETTER_QUEUE_RESTORED)

    def reply_refused(self, queue: str) -> None:
        """A `reply_to` names a queue that gets no replies."""
        self.metrics.reply_refused()
        self._log_rarely(Action.REPLY_REFUSED, reply_to=queue)

    def previews_lost(self, answers: int, reason: str) -> None:
        """Answers to previews were not published: their requesters ask again."""
        self.metrics.previews_lost(answers)
        self._log_rarely(Action.PREVIEWS_LOST, answers=answers, reason=reason)

    def report_ended(
        self, report_id: str, outcome: ReportOutcome, *, numbers: int, pages: int, seconds: float
    ) -> None:
        """A report about so many numbers ended after this page, and took this long."""
        self.metrics.report_ended(outcome)
        get_logger().info(
            Action.REPORT_ENDED,
            report_id=report_id,
            outcome=outcome.value,
            numbers=numbers,
            pages=pages,
            seconds=round(seconds, 3),
        )

    def report_undelivered(self, reason: str) -> None:
        """A page of a report was not taken for too long."""
        self._log_rarely(Action.REPORT_UNDELIVERED, reason=reason)

    def prioritised(self, queue: str, message_id: str | None) -> None:
        """A message in this queue has a priority that changes the order of delivery."""
        self.metrics.message_prioritised()
        self._log_rarely(Action.MESSAGE_PRIORITISED, queue=queue, message_id=message_id)

    def _log_rarely(self, action: Action, **fields: object) -> None:
        now = monotonic()
        if now - self._logged_at.get(action, -LOGGED_AGAIN_SECONDS) >= LOGGED_AGAIN_SECONDS:
            self._logged_at[action] = now
            get_logger().warning(action, **fields)

    def published(self, message_type: str, message_id: str) -> None:
        """The broker confirmed a message."""
        self.metrics.message_published(message_type, message_id)

    def unrouted(self, message_type: str, message_id: str) -> None:
        """The broker confirmed an event to which no queue is bound."""
        self.metrics.event_unrouted(message_type, message_id)

    def undelivered(self, message: LoggedMessage, reason: str) -> None:
        """The broker or a queue did not accept a message: it stays in the outbox."""
        self.metrics.publish_failed(message.message_type)
        get_logger().error(
            Action.MESSAGE_UNDELIVERED,
            subject=message.subject,
            message_id=message.message_id,
            message_type=message.message_type,
            reason=reason,
            attempts=message.attempts + 1,
        )

    def unencodable(self, message: LoggedMessage, reason: str) -> None:
        """A message cannot be encoded: it is parked in the outbox."""
        get_logger().error(
            Action.MESSAGE_PARKED,
            subject=message.subject,
            position=message.position,
            message_id=message.message_id,
            message_type=message.message_type,
            reason=reason,
        )


def _action_of(decision: Decision, *, is_aftermath: bool) -> Action:
    if decision.outcome is Outcome.NOTIFIED and decision.failure is not None:
        return Action.AFTERMATH_NEEDS_OPERATOR if is_aftermath else Action.OPERATION_NEEDS_OPERATOR
    return (AFTERMATH_ACTIONS if is_aftermath else OPERATION_ACTIONS)[decision.outcome]


def _level(log: Logger, action: Action) -> Callable[..., None]:
    if action in ERRORS:
        return log.error
    if action in WARNINGS:
        return log.warning
    return log.info


def _refusal_of(decision: Decision) -> dict[str, object]:
    if decision.preview is not None:
        found = decision.preview.data
        return {"would": found.would, **({"refusal": found.code} if found.code else {})}
    if decision.refusal is None:
        return {}
    return {"refusal": decision.refusal, "detail": decision.detail}
