"""What is done with commands, and what with the results of PBX systems."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from contracts.catalogue import COMMAND_QUEUE, COMMANDS, RESULT_QUEUE, RESULTS
from contracts.messages import Command, PbxResult
from worker.consuming.batch_processor import HandlerResult, Incoming
from worker.core.batch import decide_all
from worker.core.decision import Decision
from worker.core.operation import PbxStep, Policy
from worker.core.results import Verdict, answered
from worker.runtime.clock import Clock
from worker.storage.loading import load_for_commands, load_numbers_locked
from worker.storage.saving import ReplyTo, WriteContext, write_decisions
from worker.storage.session import Session
from worker.storage.steps import find_numbers_of, write_steps
from worker.telemetry.reporter import Reporter

__all__ = ["CommandHandler", "ResultHandler"]


@dataclass(frozen=True, slots=True)
class CommandHandler:
    """Decides commands and stores the decisions."""

    policy: Policy
    clock: Clock
    reporter: Reporter
    partition: int = 0
    queue: str = COMMAND_QUEUE
    messages = COMMANDS

    async def transact(
        self, session: Session, batch: Sequence[Incoming[Command]]
    ) -> HandlerResult[list[Decision]]:
        """One decision for each command, stored with all that follows."""
        now = self.clock()
        commands = [received.message for received in batch]
        known, places = await load_for_commands(session, commands, now)
        decisions = decide_all(known, commands, now, self.policy)
        answers = [_answer_to(received) for received in batch]
        decided = list(zip(commands, decisions, answers, strict=True))
        basis = WriteContext(self.partition, places, now)
        return HandlerResult(decisions, await write_decisions(session, basis, decided))

    def ordering_keys(self, batch: Sequence[Incoming[Command]]) -> AbstractSet[str]:
        """The numbers that the commands name."""
        return {received.message.data.phone_number for received in batch}

    def report(
        self, batch: Sequence[Incoming[Command]], effect: list[Decision], at: datetime
    ) -> None:
        """Tells what was decided."""
        self.reporter.decided([received.message for received in batch], effect, at)


class Effect(NamedTuple):
    """What a result did; no verdict where nobody waited for it."""

    phone_number: str | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class ResultHandler:
    """Counts results against the steps that they answer; the relay concludes what follows."""

    policy: Policy
    clock: Clock
    reporter: Reporter
    queue = RESULT_QUEUE
    messages = RESULTS

    async def transact(
        self, session: Session, batch: Sequence[Incoming[PbxResult]]
    ) -> HandlerResult[list[Effect]]:
        """One effect for each result, stored."""
        now = self.clock()
        phone_numbers = await find_numbers_of(
            session, {received.message.data.operation_id for received in batch}
        )
        numbers = await load_numbers_locked(session, phone_numbers) if phone_numbers else {}
        steps: dict[str, tuple[str, PbxStep]] = {
            step.operation_id: (number.phone_number, step)
            for number in numbers.values()
            if number.ongoing is not None
            for step in number.ongoing.steps
            if step.waits_for == "result"
        }
        before = {key: step for key, (_, step) in steps.items()}
        effects = [self._answer(steps, received.message, now) for received in batch]
        changed = [step for key, (_, step) in steps.items() if step != before[key]]
        await write_steps(session, changed)
        return HandlerResult(effects)

    def ordering_keys(self, _batch: Sequence[Incoming[PbxResult]]) -> AbstractSet[str]:
        """None: what follows of results is concluded by the relay."""
        return frozenset()

    def report(
        self, batch: Sequence[Incoming[PbxResult]], effect: list[Effect], _at: datetime
    ) -> None:
        """Tells what the results did."""
        for received, (phone_number, verdict) in zip(batch, effect, strict=True):
            self.reporter.answered(received.message, phone_number, verdict)

    def _answer(
        self, steps: dict[str, tuple[str, PbxStep]], result: PbxResult, now: datetime
    ) -> Effect:
        operation_id = result.data.operation_id
        if operation_id not in steps:
            return Effect(None, None)
        phone_number, step = steps[operation_id]
        after, verdict = answered(step, result, now, self.policy)
        steps[operation_id] = (phone_number, after)
        return Effect(phone_number, verdict)


def _answer_to(received: Incoming[Command]) -> ReplyTo | None:
    properties = received.delivery.properties
    if not properties.reply_to or "\x00" in properties.reply_to:
        return None
    correlation_id = properties.correlation_id or received.message.id
    return ReplyTo(properties.reply_to, correlation_id.replace("\x00", ""))
