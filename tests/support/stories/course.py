"""The course of one number through the core alone: a relay, a PBX, time and an operator."""

from collections.abc import Callable
from datetime import datetime, timedelta

from activation_contracts.messages import Command, PbxResult, PbxResultData, PublishedMessage
from activation_contracts.values import StepResult

from tests.support.data.builders import NOW, USAGE
from worker.core.decide import decide
from worker.core.decision import Decision
from worker.core.operations.advance import advance
from worker.core.operations.due import due_at
from worker.core.operations.operation import OngoingOperation, PbxStep, Policy
from worker.core.operations.results import Resolution, apply_resolution, apply_result
from worker.core.situation import MainNumber, Number, Situation, Usage

__all__ = ["Course"]


class Course:
    """Applies decisions as the worker does, and remembers every message."""

    def __init__(
        self,
        number: Number,
        policy: Policy,
        main_number: MainNumber | None = None,
        usage: Usage = USAGE,
    ) -> None:
        self.number = number
        self.policy = policy
        self.main_number = main_number
        self.usage = usage
        self.now: datetime = NOW
        self.messages: list[PublishedMessage] = []
        self.requests: list[tuple[datetime, str]] = []
        """When each message that requests a step was put into the outbox, with the step's id."""
        self.unsent: set[str] = set()
        """The ids of the steps whose message is in the outbox."""
        self._results = 0

    @property
    def ongoing(self) -> OngoingOperation | None:
        """The operation under way, or an aftermath."""
        return self.number.ongoing

    @property
    def open_steps(self) -> tuple[PbxStep, ...]:
        """The open steps of the operation."""
        return self.ongoing.open_steps if self.ongoing else ()

    def receive(self, command: Command) -> Decision:
        """Decides a command."""
        decision = decide(Situation(self.number, self.usage), command, self.now, self.policy)
        self._apply(decision)
        return decision

    def confirm(self) -> None:
        """The broker confirms everything that is in the outbox."""
        if self.ongoing is not None:
            ongoing = self.ongoing.confirmed(self.unsent, self.now, self.policy)
            self.number = self.number._replace(ongoing=ongoing)
        self.unsent.clear()
        self._sweep()

    def refuse(self) -> None:
        """The broker refuses everything that is in the outbox, which stays there."""
        self._change_steps(
            lambda step: (
                step._replace(publish_error="no queue")
                if step.step_id in self.unsent and step.sent_at is None
                else step
            )
        )

    def answer(self, step_id: str, result: StepResult, code: str | None = None) -> None:
        """The PBX reports the result of a step."""
        self._results += 1
        data = PbxResultData(operation_id=step_id, result=result, code=code)
        message = PbxResult(id=f"result-{self._results}", source="/pbx", data=data)
        self._change_steps(
            lambda step: (
                apply_result(step, message, self.now, self.policy).step
                if step.step_id == step_id
                else step
            )
        )

    def resolve(self, resolution: Resolution) -> None:
        """An operator decides."""
        if self.ongoing is not None:
            ongoing = apply_resolution(
                self.ongoing, resolution, self.now, self.policy, reason=f"Ada: {resolution}"
            )
            self.number = self.number._replace(ongoing=ongoing)
            self._sweep()

    def pass_time(self, time: timedelta) -> None:
        """Lets time pass, and sweeps at each moment at which something is due."""
        until = self.now + time
        while (due := due_at(self.number)) is not None and due <= until:
            self.now = max(self.now, due)
            self._sweep()
        self.now = until

    def _change_steps(self, change: Callable[[PbxStep], PbxStep]) -> None:
        if self.ongoing is not None:
            steps = tuple(change(step) for step in self.ongoing.steps)
            self.number = self.number._replace(ongoing=self.ongoing._replace(steps=steps))
            self._sweep()

    def _sweep(self) -> None:
        while (due := due_at(self.number)) is not None and due <= self.now:
            situation = Situation(self.number, self.usage, self.main_number)
            decision = advance(situation, self.now, self.policy)
            assert decision is not None, "the operation is due and nothing follows"
            self._apply(decision)

    def _apply(self, decision: Decision) -> None:
        self.messages += decision.messages
        if decision.number is None:
            return
        self.usage = self.usage.after(self.number.status, decision.number.status)
        self.number = decision.number
        steps = {step.step_id for step in self.ongoing.steps} if self.ongoing else set()
        requested = [step.step_id for step in decision.retried]
        requested += [message.id for message in decision.messages if message.id in steps]
        self.requests += [(self.now, step_id) for step_id in requested]
        # What belongs to an operation that has ended is withdrawn.
        self.unsent = (self.unsent & steps) | {*requested}
