"""An operation that has not ended: its steps, its deadlines, and its failure."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Final, Literal, NamedTuple

from contracts.messages import Activate, AwaitedStep, Command, Deactivate
from contracts.values import FailureCode, Operation, Step

__all__ = ["Failure", "OngoingOperation", "PbxStep", "Policy", "StepState", "operation_of"]

_OPERATIONS: Final[dict[type[Command], Operation]] = {
    Activate: Operation.ACTIVATE,
    Deactivate: Operation.DEACTIVATE,
}


def operation_of(command: Command) -> Operation:
    """The operation that the command requests."""
    return _OPERATIONS[type(command)]


@dataclass(frozen=True, slots=True)
class Policy:
    """What operations wait for, and how long. All of it is configured [D]."""

    at_risk_after: timedelta
    """After this time without completion, `operation_delayed` is published once."""
    time_allowed: timedelta
    """After this time an operation is overdue: an activation fails, a deactivation needs an
    operator."""
    awaited_steps: frozenset[Step] = frozenset()
    """Steps that a PBX result completes. The broker's confirm completes all others."""
    attempts_maximum: int = 5
    """How often a step is attempted; joining a hunt group has no limit."""
    first_pause: timedelta = timedelta(seconds=2)
    longest_pause: timedelta = timedelta(seconds=60)

    def pause_after(self, attempt: int) -> timedelta:
        """The backoff before the next attempt: doubled each time, bounded by `longest_pause`."""
        # The exponent is bounded because the attempts of some steps are not.
        return min(self.first_pause * float(2 ** min(attempt - 1, 20)), self.longest_pause)


class Failure(NamedTuple):
    """Why an operation cannot be completed."""

    code: FailureCode
    step: Step | None
    """None if no step in particular failed."""
    detail: str
    """For people."""
    pbx_code: str | None = None
    """The PBX's own code, if it gave one."""


@unique
class StepState(StrEnum):
    """The progress of a step."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    """The worker does not retry it; a later result of the PBX can still complete it."""


class PbxStep(NamedTuple):
    """One action of a PBX that one message requests."""

    step_id: str
    """The id of the message that requests it. PBX results name it as `operation_id`."""
    step: Step
    waits_for: Literal["confirm", "result"] = "result"
    """What completes the step: the broker's confirm, or a result of the PBX."""
    attempt: int = 1
    attempts_maximum: int | None = None
    """None: no limit."""
    publish_attempted: bool = False
    """Whether the relay has tried to publish the message. Before that nothing is late."""
    sent_at: datetime | None = None
    """When the broker first confirmed the message; None before."""
    state: StepState = StepState.OPEN
    again_at: datetime | None = None
    """When the next attempt is due; None if none is planned."""
    failure: Failure | None = None
    last_result: str | None = None
    """The last result, for people."""
    answers: tuple[str, ...] = ()
    """Results that were counted, as `source id`; a redelivered result is not counted again."""

    def as_contract(self) -> AwaitedStep:
        """The step in the form that messages use."""
        return AwaitedStep(
            step=self.step,
            operation_id=self.step_id,
            waits_for=self.waits_for,
            since=self.sent_at,
            attempt=self.attempt,
            attempts_maximum=self.attempts_maximum,
        )


class OngoingOperation(NamedTuple):
    """An operation that has not ended, with everything that its later messages repeat.

    Its number is PENDING; or the operation has ended, and steps after its end are outstanding.
    """

    operation: Operation
    command_source: str
    command_id: str
    command_fingerprint: str
    correlation_id: str
    requested_by: str | None
    traceparent: str | None
    tracestate: str | None
    since: datetime
    at_risk_at: datetime
    deadline: datetime
    """Like `at_risk_at`, set anew when the broker first confirms a step."""
    steps: tuple[PbxStep, ...] = ()
    """In the order in which they are requested, including completed ones."""
    delayed: bool = False
    """Whether `operation_delayed` was published."""
    failure: Failure | None = None
    """Why an operator must decide, or the operator's decision to give up."""
    retry_round: int = 1
    """Incremented each time an operator resolves the operation as retry or done. It keeps the ids
    of messages apart that would otherwise repeat."""

    @property
    def open_steps(self) -> tuple[PbxStep, ...]:
        """The steps that are not done."""
        return tuple(step for step in self.steps if step.state is not StepState.DONE)

    @property
    def planned_retries(self) -> tuple[PbxStep, ...]:
        """The open steps whose message is published again at a certain time."""
        return tuple(
            step
            for step in self.open_steps
            if step.waits_for == "result" and step.again_at is not None
        )

    def confirmed(
        self, step_ids: AbstractSet[str], now: datetime, policy: Policy
    ) -> "OngoingOperation":
        """The operation after the broker confirmed these messages; the first time starts its clock.

        Before that the PBX cannot be late: it has not been asked.
        """
        if not any(step.step_id in step_ids and step.sent_at is None for step in self.steps):
            return self
        steps = tuple(
            step._replace(publish_attempted=True, sent_at=step.sent_at or now)
            if step.step_id in step_ids
            else step
            for step in self.steps
        )
        return self._replace(
            steps=steps, at_risk_at=now + policy.at_risk_after, deadline=now + policy.time_allowed
        )
