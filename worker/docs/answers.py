"""The table of what follows when a PBX answers, or stays silent: the rules fill it in."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from activation_contracts.documents.tables import table
from activation_contracts.messages import (
    Activate,
    Command,
    CommandData,
    Deactivate,
    ExtensionReset,
    PbxResult,
    PbxResultData,
)
from activation_contracts.values import CallTarget, DeviceKind, NumberStatus, Step, StepResult

from worker.core.decide import decide
from worker.core.decision import Decision, Outcome
from worker.core.operations.advance import advance
from worker.core.operations.operation import PbxStep, Policy, StepState
from worker.core.operations.results import apply_result
from worker.core.operations.verdicts import SILENCE
from worker.core.situation import HandsetLogin, MainNumber, Number, Situation, Usage

__all__ = ["answers_table"]

NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
POLICY: Final = Policy(
    at_risk_after=timedelta(minutes=1),
    time_allowed=timedelta(minutes=5),
    awaited_steps=frozenset(Step),
)
RESERVED: Final = Number("+442079460001", "london", "acme", "101", NumberStatus.RESERVED)
IN_USE: Final = RESERVED._replace(
    status=NumberStatus.ACTIVE,
    hunt_groups=("sales",),
    logins=(HandsetLogin("desk", DeviceKind.DIGITAL),),
)
MAIN_NUMBER: Final = MainNumber(
    "+442079460000", NumberStatus.ACTIVE, "reception", frozenset({CallTarget.HUNT_GROUP})
)
USAGE: Final = Usage(limit=9, active=1, pending=1)
SILENCE_AT_DEADLINE: Final = "silence at the deadline"
ANSWERS: Final = (*StepResult, SILENCE, SILENCE_AT_DEADLINE)
NOTHING: Final = "nothing"


def answers_table() -> str:
    """A row for each step and each answer, or silence. What is alike shares a row."""
    steps: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for name, number in _waiting_numbers():
        steps.setdefault(tuple(_cells(number, answer) for answer in ANSWERS), []).append(name)
    return table(
        ("step", "answer", "attempts left", "last attempt", "a person must decide"),
        (
            ("" if place else "<br>".join(names), ", ".join(answers), *cells)
            for alike, names in steps.items()
            for place, (cells, answers) in enumerate(_grouped(alike).items())
        ),
    )


def _grouped(rows: tuple[tuple[str, ...], ...]) -> dict[tuple[str, ...], list[str]]:
    """The answers that have the same cells, by these."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for answer, cells in zip(ANSWERS, rows, strict=True):
        shown = f"`{answer.value}`" if isinstance(answer, StepResult) else answer
        grouped.setdefault(cells, []).append(shown)
    return grouped


def _waiting_numbers() -> Iterator[tuple[str, Number]]:
    """Numbers that wait for one step, which the PBX has got; each with the name of the step."""
    activated = _begun(RESERVED, Activate)
    yield "activation", activated
    deactivated = _begun(IN_USE, Deactivate)
    for step in _steps(deactivated):
        yield f"{step.step}, before RESERVED", _with_step(deactivated, step)
    (activation,) = _steps(activated)
    done = _with_step(activated, activation._replace(state=StepState.DONE))
    yield "hunt_group_membership, after ACTIVE", _sent(_after(_advance(done, NOW)))
    overdue = _after(_advance(activated, _deadline_of(activated)))
    yield "extension_reset, after a failed activation", _sent(overdue)


def _begun(number: Number, command: type[Command]) -> Number:
    data = CommandData(phone_number=number.phone_number, account_id="acme", site_id=number.site_id)
    situation = Situation(number, USAGE)
    return _sent(_after(decide(situation, command(id="c", source="/", data=data), NOW, POLICY)))


def _cells(number: Number, answer: StepResult | str) -> tuple[str, str, str]:
    """What follows from the answer at an earlier attempt, at the last, and after a failure."""
    (step,) = _steps(number)[:1]
    last = step._replace(attempt=step.attempts_maximum or step.attempt)
    refused = _with_step(number, _answered(step, StepResult.REFUSED))
    failed = _advance(refused, NOW)
    needs_a_person = failed is not None and failed.outcome is Outcome.NOTIFIED
    return (
        _what_follows(number, answer),
        _what_follows(_with_step(number, last), answer),
        _what_follows(_after(failed), answer) if needs_a_person else "-",
    )


def _what_follows(number: Number, answer: StepResult | str) -> str:
    (step,) = _steps(number)
    if isinstance(answer, StepResult):
        answered = _answered(step, answer)
        decision = _advance(_with_step(number, answered), NOW)
        return "asked again after a pause" if answered.again_at else _told(decision)
    now = _deadline_of(number) if answer == SILENCE_AT_DEADLINE else NOW
    silent = _with_step(number, step._replace(silent_at=now))
    return _told(_advance(silent, now), now)


def _told(decision: Decision | None, now: datetime = NOW) -> str:
    if decision is None:
        return NOTHING
    number = _after(decision)
    match decision.outcome:
        case Outcome.RETRIED:
            return "asked again"
        case Outcome.CLEANED_UP:
            return "done"
        case Outcome.NOTIFIED:
            next_ = _told(_advance(number, now), now)
            return "a person must decide" + (f"; {next_}" if next_ != NOTHING else "")
        case _:
            resets = any(isinstance(message, ExtensionReset) for message in decision.messages)
            return f"{number.status}, and an extension reset" if resets else number.status


def _answered(step: PbxStep, value: StepResult) -> PbxStep:
    data = PbxResultData(operation_id=step.step_id, result=value)
    return apply_result(step, PbxResult(id="r", source="/", data=data), NOW, POLICY).step


def _advance(number: Number, now: datetime) -> Decision | None:
    return advance(Situation(number, USAGE, MAIN_NUMBER), now, POLICY)


def _after(decision: Decision | None) -> Number:
    if decision is None or decision.number is None:
        message = "the rules do not follow this path any more"
        raise LookupError(message)
    return decision.number


def _deadline_of(number: Number) -> datetime:
    return number.ongoing.deadline if number.ongoing else NOW


def _steps(number: Number) -> tuple[PbxStep, ...]:
    return number.ongoing.steps if number.ongoing else ()


def _with_step(number: Number, step: PbxStep) -> Number:
    """The number that waits for this step alone, and was already reported as late."""
    ongoing = number.ongoing and number.ongoing._replace(steps=(step,), delayed=True)
    return number._replace(ongoing=ongoing)


def _sent(number: Number) -> Number:
    """The number after its messages were sent."""
    steps = tuple(step._replace(sent_at=NOW) for step in _steps(number))
    ongoing = number.ongoing and number.ongoing._replace(steps=steps, delayed=True)
    return number._replace(ongoing=ongoing)
