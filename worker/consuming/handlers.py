"""Handles commands, and the results that PBX systems report."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from activation_contracts.catalogue import COMMANDS, RESULTS
from activation_contracts.messages import Command, PbxResult
from activation_contracts.values import Step

from worker.consuming.answering.previews import PreviewAnswer, PreviewAnswers
from worker.consuming.answering.replies import ReplyAddresses
from worker.consuming.batch_reader import Incoming
from worker.core.batch import decide_all
from worker.core.decision import Decision, Outcome
from worker.core.operations.operation import PbxStep, Policy
from worker.core.operations.results import apply_result
from worker.core.operations.verdicts import Verdict
from worker.core.situation import Number
from worker.runtime.clock import Clock
from worker.storage.connecting.session import Session
from worker.storage.loading import load_for_commands, load_numbers_locked
from worker.storage.operations import change_operations, find_numbers_of, write_steps
from worker.storage.saving import Decided, ReplyTo, WriteContext, save_decisions
from worker.telemetry.metrics.families import UNKNOWN
from worker.telemetry.reporter import Reporter
from worker.telemetry.tracing import set_outcome

__all__ = ["CommandHandler", "ResultHandler"]


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """Decides commands and stores the decisions; decides previews, and stores nothing of them."""

    policy: Policy
    clock: Clock
    reporter: Reporter
    wake_relay: Callable[[], None]
    replies: ReplyAddresses
    previews: PreviewAnswers
    partition: int
    messages = COMMANDS

    async def handle_batch(
        self, session: Session, batch: Sequence[Incoming[Command]]
    ) -> list[Decision]:
        """Stores the decisions and their messages; returns one decision for each command."""
        now = self.clock()
        commands = [incoming.message for incoming in batch]
        snapshot = await load_for_commands(session, commands, now)
        decisions = decide_all(snapshot, commands, now, self.policy)
        decided = [
            Decided(
                incoming.message,
                decision,
                self._reply_to(incoming),
                incoming.delivery.lane,
            )
            for incoming, decision in zip(batch, decisions, strict=True)
            if decision.outcome is not Outcome.PREVIEWED
        ]
        await save_decisions(session, WriteContext(self.partition, now), decided)
        return decisions

    def after_commit(
        self, batch: Sequence[Incoming[Command]], result: list[Decision], committed_at: datetime
    ) -> None:
        """Logs and counts the decisions, answers previews, and wakes the relay for the others."""
        self.previews.send(
            [
                PreviewAnswer(decision.preview, self._reply_to(incoming))
                for incoming, decision in zip(batch, result, strict=True)
                if decision.preview is not None
            ]
        )
        lanes = [incoming.delivery.lane for incoming in batch]
        self.reporter.decided([incoming.message for incoming in batch], result, committed_at, lanes)
        for incoming, decision in zip(batch, result, strict=True):
            set_outcome(incoming.span, decision.outcome, decision.refusal)
        self.replies.report_refused(incoming.delivery for incoming in batch)
        self.wake_relay()

    def _reply_to(self, incoming: Incoming[Command]) -> ReplyTo | None:
        return self.replies.address_of(incoming.delivery, incoming.message.id)


class _Awaited(NamedTuple):
    """A step that awaits a result."""

    phone_number: str
    site_id: str
    traceparent: str | None
    step: PbxStep


class StepEnd(NamedTuple):
    """A step that a result has ended."""

    step: Step
    site_id: str
    seconds: float
    """Since the broker confirmed its first request."""


class Effect(NamedTuple):
    """The effect of a result; empty if no step awaits it."""

    phone_number: str | None = None
    verdict: Verdict | None = None
    traceparent: str | None = None
    """The trace of the operation."""
    end: StepEnd | None = None
    """None if it did not end its step."""


@dataclass(frozen=True, slots=True)
class ResultHandler:
    """Applies PBX results to the steps that await them; the relay advances the operations."""

    policy: Policy
    clock: Clock
    reporter: Reporter
    wake_relay: Callable[[], None]
    messages = RESULTS

    async def handle_batch(
        self, session: Session, batch: Sequence[Incoming[PbxResult]]
    ) -> list[Effect]:
        """Stores the steps that changed; returns one effect for each result."""
        now = self.clock()
        step_ids = {incoming.message.data.operation_id for incoming in batch}
        phone_numbers = await find_numbers_of(session, step_ids)
        numbers = await load_numbers_locked(session, phone_numbers) if phone_numbers else {}
        before = _awaited_steps(numbers)
        steps = dict(before)
        effects = [self._apply(steps, incoming.message, now) for incoming in batch]
        changed = {
            key: awaited.step for key, awaited in steps.items() if awaited.step != before[key].step
        }
        await write_steps(session, list(changed.values()))
        await change_operations(session, _with_steps(numbers, changed))
        return effects

    def after_commit(
        self, batch: Sequence[Incoming[PbxResult]], result: list[Effect], _committed_at: datetime
    ) -> None:
        """Logs and counts the effects, and wakes the relay to advance the operations."""
        for incoming, effect in zip(batch, result, strict=True):
            self.reporter.result_received(
                incoming.message, effect.phone_number, effect.verdict, effect.traceparent
            )
            if effect.end is not None:
                self.reporter.metrics.step_ended(*effect.end)
            self.reporter.tracing.result_applied(
                incoming.span, effect.traceparent, effect.verdict or UNKNOWN
            )
        self.wake_relay()

    def _apply(self, steps: dict[str, _Awaited], result: PbxResult, now: datetime) -> Effect:
        step_id = result.data.operation_id
        if step_id not in steps:
            return Effect()
        awaited = steps[step_id]
        after, verdict = apply_result(awaited.step, result, now, self.policy)
        steps[step_id] = awaited._replace(step=after)
        end = _end_of(awaited, verdict, now)
        return Effect(awaited.phone_number, verdict, awaited.traceparent, end)


def _end_of(awaited: _Awaited, verdict: Verdict, now: datetime) -> StepEnd | None:
    step = awaited.step
    if verdict not in {Verdict.DONE, Verdict.FAILED} or step.sent_at is None:
        return None
    return StepEnd(step.step, awaited.site_id, (now - step.sent_at).total_seconds())


def _awaited_steps(numbers: Mapping[str, Number]) -> dict[str, _Awaited]:
    """The steps that await a result, by id."""
    return {
        step.step_id: _Awaited(
            number.phone_number, number.site_id, number.ongoing.traceparent, step
        )
        for number in numbers.values()
        if number.ongoing is not None
        for step in number.ongoing.steps
        if step.waits_for == "result"
    }


def _with_steps(numbers: Mapping[str, Number], changed: Mapping[str, PbxStep]) -> list[Number]:
    """The numbers whose steps have changed, with the changed steps."""
    found = []
    for number in numbers.values():
        ongoing = number.ongoing
        if ongoing is not None and any(step.step_id in changed for step in ongoing.steps):
            steps = tuple(changed.get(step.step_id, step) for step in ongoing.steps)
            found.append(number._replace(ongoing=ongoing._replace(steps=steps)))
    return found
