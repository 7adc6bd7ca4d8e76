"""What is done with commands, and what with the results of PBX systems."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from contracts.catalogue import COMMAND_QUEUE, COMMANDS, RESULT_QUEUE, RESULTS
from contracts.messages import Command, PbxResult
from worker.core.batch import decide_all
from worker.core.decision import Decision
from worker.core.operation import PbxStep, Policy
from worker.core.results import Verdict, answered
from worker.shell.clock import Clock
from worker.shell.database.loading import load_for_commands, load_numbers_locked
from worker.shell.database.session import Session
from worker.shell.database.steps import find_numbers_of, write_steps
from worker.shell.database.writing import Answer, Basis, write_decisions
from worker.shell.intake import Received, Stored
from worker.shell.reporting import Reporter

__all__ = ["CommandReception", "ResultReception"]


@dataclass(frozen=True, slots=True)
class CommandReception:
    """Decides commands and stores the decisions."""

    policy: Policy
    clock: Clock
    reporter: Reporter
    lane: int = 0
    queue: str = COMMAND_QUEUE
    messages = COMMANDS

    async def transact(
        self, session: Session, batch: Sequence[Received[Command]]
    ) -> Stored[list[Decision]]:
        """One decision for each command, stored with all that follows."""
        now = self.clock()
        commands = [received.message for received in batch]
        known, places = await load_for_commands(session, commands, now)
        decisions = decide_all(known, commands, now, self.policy)
        answers = [_answer_to(received) for received in batch]
        decided = list(zip(commands, decisions, answers, strict=True))
        basis = Basis(self.lane, places, now)
        return Stored(decisions, await write_decisions(session, basis, decided))

    def spoken_of(self, batch: Sequence[Received[Command]]) -> AbstractSet[str]:
        """The numbers that the commands name."""
        return {received.message.data.phone_number for received in batch}

    def report(
        self, batch: Sequence[Received[Command]], effect: list[Decision], at: datetime
    ) -> None:
        """Tells what was decided."""
        self.reporter.decided([received.message for received in batch], effect, at)


class Effect(NamedTuple):
    """What a result did; no verdict where nobody waited for it."""

    phone_number: str | None
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class ResultReception:
    """Counts results against the steps that they answer; the relay concludes what follows."""

    policy: Policy
    clock: Clock
    reporter: Reporter
    queue = RESULT_QUEUE
    messages = RESULTS

    async def transact(
        self, session: Session, batch: Sequence[Received[PbxResult]]
    ) -> Stored[list[Effect]]:
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
        return Stored(effects)

    def spoken_of(self, _batch: Sequence[Received[PbxResult]]) -> AbstractSet[str]:
        """None: what follows of results is concluded by the relay."""
        return frozenset()

    def report(
        self, batch: Sequence[Received[PbxResult]], effect: list[Effect], _at: datetime
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


def _answer_to(received: Received[Command]) -> Answer | None:
    properties = received.delivery.properties
    if not properties.reply_to or "\x00" in properties.reply_to:
        return None
    correlation_id = properties.correlation_id or received.message.id
    return Answer(properties.reply_to, correlation_id.replace("\x00", ""))
