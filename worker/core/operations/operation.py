"""An operation that has not ended: its steps, its deadlines, and its failure."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum, unique
from typing import Literal, NamedTuple

from activation_contracts.messages import Activate, AwaitedStep, Command, Deactivate
from activation_contracts.values import AftermathKind, FailureCode, Operation, Step

from worker.core.operations.verdicts import SILENCE, VERDICTS, Condition, Verdict

__all__ = [
    "Failure",
    "OngoingOperation",
    "PbxStep",
    "Policy",
    "StepState",
    "open_steps",
    "operation_of",
    "steps_for",
]


def operation_of(command: Command) -> Operation:
    """The operation that the command requests."""
    match command:
        case Activate():
            return Operation.ACTIVATE
        case Deactivate():
            return Operation.DEACTIVATE


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
    """How often a step is attempted, those that stayed silent not counted; joining a hunt group has
    no limit."""
    first_pause: timedelta = timedelta(seconds=2)
    longest_pause: timedelta = timedelta(seconds=60)

    def pause_after(self, attempt: int, *, is_urgent: bool = True) -> timedelta:
        """The backoff before the next attempt: doubled each time, bounded by `longest_pause`.

        If nothing depends on it any more until an operator decides, the bound is `time_allowed`.
        """
        longest = self.longest_pause if is_urgent else max(self.longest_pause, self.time_allowed)
        # The exponent is bounded because the attempts of some steps are not.
        return min(self.first_pause * float(2 ** min(attempt - 1, 20)), longest)


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
    """Raised by one with each attempt that stayed silent: only refusals use attempts up. None: no
    limit."""
    publish_error: str | None = None
    """Why the broker refused the unsent message, or the one of the same number before it."""
    sent_at: datetime | None = None
    """When the broker first confirmed the message; None before."""
    state: StepState = StepState.OPEN
    again_at: datetime | None = None
    """When the next attempt is due for which the PBX asked; None if it asked for none."""
    silent_at: datetime | None = None
    """When the PBX counts as silent, which makes the next attempt due; None while the message of
    the present attempt is unsent, or the next attempt is planned."""
    failure: Failure | None = None
    last_result: str | None = None
    """The last result, for people."""
    counted_results: tuple[str, ...] = ()
    """Keys of the results that were counted, as `source id fingerprint`: a repeat has no effect."""

    @property
    def is_tried(self) -> bool:
        """Whether the relay has tried to publish the message. Before that nothing is late."""
        return self.sent_at is not None or self.publish_error is not None

    @property
    def request_at(self) -> datetime | None:
        """When its message is published again; None: not without news."""
        if self.waits_for != "result" or self.state is StepState.DONE:
            return None
        verdict = VERDICTS[SILENCE][self.condition]
        return self.again_at or (self.silent_at if verdict is Verdict.RETRY else None)

    @property
    def condition(self) -> Condition:
        """What decides, together with a result or with silence, on a step that is not done."""
        if self.state is StepState.FAILED:
            return Condition.FAILED
        if self.attempts_maximum is None:
            return Condition.UNLIMITED
        if self.attempt < self.attempts_maximum:
            return Condition.ATTEMPTS_LEFT
        return Condition.LAST_ATTEMPT

    def requested_again(self) -> "PbxStep":
        """The step at `request_at`: its message goes to the outbox once more."""
        if self.again_at is not None:
            return self._replace(again_at=None)
        maximum = self.attempts_maximum
        return self._replace(
            silent_at=None,
            attempt=self.attempt + 1,
            attempts_maximum=None if maximum is None else maximum + 1,
        )

    def confirmed(self, now: datetime, pause: timedelta) -> "PbxStep":
        """The step after the broker confirmed its message; silent when that pause has passed."""
        is_asked = self.state is StepState.OPEN and self.again_at is None
        return self._replace(
            publish_error=None,
            sent_at=self.sent_at or now,
            silent_at=now + pause if is_asked else None,
        )

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


def steps_for(operation: Operation, steps: Iterable[PbxStep]) -> tuple[PbxStep, ...]:
    """The steps of an operation of this kind.

    The unsent PENDING event of a deactivation is none: no PBX acts on it.
    """
    if operation is Operation.ACTIVATE:
        return tuple(steps)
    return tuple(step for step in steps if step.step is not Step.ACTIVATION)


def open_steps(steps: Iterable[PbxStep]) -> tuple[PbxStep, ...]:
    """Those that are not done."""
    return tuple(step for step in steps if step.state is not StepState.DONE)


class OngoingOperation(NamedTuple):
    """An operation that has not ended, or the aftermath of one that has.

    It holds everything that the later messages repeat. While it is under way its number is PENDING.
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
    """When the operation began; when it ended, if this is its aftermath."""
    at_risk_at: datetime
    deadline: datetime
    """Like `at_risk_at`, set anew when the broker first confirms a step."""
    steps: tuple[PbxStep, ...] = ()
    """In the order in which they are requested, including completed ones."""
    aftermath: AftermathKind | None = None
    """What the steps are for, if the operation has ended; None while it is under way."""
    delayed: bool = False
    """Whether `operation_delayed`, or an outstanding aftermath, was published."""
    failure: Failure | None = None
    """Why an operator must decide, or the operator's decision to give up."""
    retry_round: int = 1
    """Incremented each time an operator resolves the operation as retry or done. It keeps the ids
    of messages apart that would otherwise repeat."""

    @property
    def open_steps(self) -> tuple[PbxStep, ...]:
        """The steps that are not done."""
        return open_steps(self.steps)

    @property
    def joins_hunt_group(self) -> bool:
        """Whether this is the aftermath of a success: it has no deadline."""
        return self.aftermath is AftermathKind.HUNT_GROUP_JOIN

    def confirmed(
        self, step_ids: AbstractSet[str], now: datetime, policy: Policy
    ) -> "OngoingOperation":
        """The operation after the broker confirmed these messages; the first time starts its clock.

        Before that the PBX cannot be late: it has not been asked.
        """
        confirmed = [step for step in self.steps if step.step_id in step_ids]
        is_urgent = self.aftermath is None and self.failure is None
        steps = tuple(
            step.confirmed(now, policy.pause_after(step.attempt, is_urgent=is_urgent))
            if step.step_id in step_ids
            else step
            for step in self.steps
        )
        after = self._replace(steps=steps)
        if all(step.sent_at for step in confirmed):
            return after
        return after._replace(
            at_risk_at=now + policy.at_risk_after, deadline=now + policy.time_allowed
        )
