"""An operation on its way: the steps it waits for, its clock, and what is in its way."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Literal, NamedTuple

from contracts.messages import AwaitedStep
from contracts.values import FailureCode, Operation, Step

__all__ = ["Failure", "OngoingOperation", "PbxStep", "Policy", "StepState"]


@dataclass(frozen=True, slots=True)
class Policy:
    """What operations wait for, and how long."""

    at_risk_after: timedelta
    """When a late operation is spoken of."""
    time_allowed: timedelta
    """When it counts as overdue."""
    awaited_steps: frozenset[Step] = frozenset()
    """The steps that are done when a PBX says so; the others when the broker has the message."""
    attempts_maximum: int = 5
    first_pause: timedelta = timedelta(seconds=2)
    longest_pause: timedelta = timedelta(seconds=60)

    def pause_after(self, attempt: int) -> timedelta:
        """How long the PBX is left alone after it asked for another attempt."""
        # Bounded before the power is taken: what keeps trying counts its attempts without end.
        return min(self.first_pause * float(2 ** min(attempt - 1, 20)), self.longest_pause)


class Failure(NamedTuple):
    """What keeps an operation from its end."""

    code: FailureCode
    step: Step | None
    detail: str
    """For people."""
    pbx_code: str | None = None


@unique
class StepState(StrEnum):
    """How far a step has come."""

    OPEN = "open"
    DONE = "done"
    FAILED = "failed"
    """It will not be done by itself; a PBX that did it after all may still say so."""


class PbxStep(NamedTuple):
    """One thing that somebody else must do, asked for by one message."""

    operation_id: str
    """The id of the message that asks for it."""
    step: Step
    waits_for: Literal["confirm", "result"] = "result"
    attempt: int = 1
    attempts_maximum: int | None = None
    """None: there is no limit."""
    was_offered: bool = False
    """Whether the relay has tried to publish the message. Before that nothing is late."""
    sent_at: datetime | None = None
    """When the broker first confirmed the message."""
    state: StepState = StepState.OPEN
    again_at: datetime | None = None
    """When the message is sent again."""
    failure: Failure | None = None
    last_result: str | None = None
    """What the PBX said last, for people."""
    answers: tuple[str, ...] = ()
    """The results that were counted, by source and id: a repeat is not counted again."""

    def as_contract(self) -> AwaitedStep:
        """The same, as it stands in messages."""
        return AwaitedStep(
            step=self.step,
            operation_id=self.operation_id,
            waits_for=self.waits_for,
            since=self.sent_at,
            attempt=self.attempt,
            attempts_maximum=self.attempts_maximum,
        )


class OngoingOperation(NamedTuple):
    """An operation that has not ended, with all that its messages need to repeat.

    Its number is PENDING; or it is not, and steps that follow the end are still outstanding.
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
    """Both count anew from the moment at which a step is first sent."""
    steps: tuple[PbxStep, ...] = ()
    """In the order in which they are asked for; those that were done included."""
    delayed: bool = False
    """Whether it was said that the operation is late."""
    failure: Failure | None = None
    """PublishResult, and waiting for a person; or decided by one."""
    round: int = 1
    """One more each time that a person has it tried again."""

    @property
    def open_steps(self) -> tuple[PbxStep, ...]:
        """The steps that are not done."""
        return tuple(step for step in self.steps if step.state is not StepState.DONE)

    @property
    def steps_to_ask_again(self) -> tuple[PbxStep, ...]:
        """The open steps whose message is published once more when their time has come."""
        return tuple(
            step
            for step in self.open_steps
            if step.waits_for == "result" and step.again_at is not None
        )

    def sent(self, step_ids: AbstractSet[str], now: datetime, policy: Policy) -> "OngoingOperation":
        """The operation after the broker confirmed these messages; the first time starts its clock.

        Before that the PBX cannot be late: it has not been asked.
        """
        if not any(step.operation_id in step_ids and step.sent_at is None for step in self.steps):
            return self
        steps = tuple(
            step._replace(was_offered=True, sent_at=step.sent_at or now)
            if step.operation_id in step_ids
            else step
            for step in self.steps
        )
        return self._replace(
            steps=steps, at_risk_at=now + policy.at_risk_after, deadline=now + policy.time_allowed
        )
