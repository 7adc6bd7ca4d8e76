"""When an operation is due agrees with the decision on it: one policy, in one place."""

from datetime import datetime, timedelta
from typing import Any

from activation_contracts.values import AftermathKind, FailureCode, NumberStatus, Operation, Step
from hypothesis import given
from hypothesis import strategies as some

from tests.support.data.builders import (
    AWAITING_ALL,
    NOW,
    RESERVED,
    USAGE,
    activate,
    pending_number,
    with_steps,
)
from worker.core.operations.advance import advance
from worker.core.operations.due import AT_ONCE, due_at
from worker.core.operations.operation import Failure, OngoingOperation, PbxStep, StepState
from worker.core.situation import Number, Situation

MOMENTS = [NOW + timedelta(seconds=seconds) for seconds in (0, 30, 60, 120, 300, 600)]

STATUSES: list[tuple[AftermathKind | None, NumberStatus]] = [
    (None, NumberStatus.PENDING),
    (AftermathKind.HUNT_GROUP_JOIN, NumberStatus.ACTIVE),
    (AftermathKind.COMPENSATION, NumberStatus.RESERVED),
]

moments = some.sampled_from(MOMENTS)


def failures_with(code: FailureCode) -> some.SearchStrategy[Failure]:
    return some.just(Failure(code, Step.EXTENSION_RESET, "It did not work."))


step_failures = some.sampled_from(
    [FailureCode.PBX_REFUSED, FailureCode.ATTEMPTS_EXHAUSTED]
).flatmap(failures_with)


next_requests: some.SearchStrategy[dict[str, Any]] = some.one_of(
    some.just({}),
    some.fixed_dictionaries({"again_at": moments}),
    some.fixed_dictionaries({"silent_at": moments}),
)


@some.composite
def steps(draw: some.DrawFn) -> PbxStep:
    """A step as the database can hold it."""
    sent_at = draw(some.none() | some.just(NOW))
    state = draw(some.sampled_from(StepState))
    waits_for = draw(some.sampled_from(["confirm", "result"]))
    is_open_result = state is StepState.OPEN and waits_for == "result"
    return PbxStep(
        step_id=draw(some.uuids()).hex,
        step=draw(some.sampled_from(Step)),
        waits_for=waits_for,  # type: ignore[arg-type]
        attempts_maximum=draw(some.none() | some.just(5)),
        publish_error=None if sent_at else draw(some.none() | some.just("no queue")),
        sent_at=sent_at,
        state=state,
        **draw(next_requests if is_open_result else some.just({})),
        failure=draw(step_failures) if state is StepState.FAILED else None,
    )


@some.composite
def numbers(draw: some.DrawFn) -> Number:
    """A number with an operation under way, or with what an ended one left outstanding."""
    begun = pending_number(RESERVED, activate(), AWAITING_ALL)
    assert begun.ongoing is not None
    aftermath, status = draw(some.sampled_from(STATUSES))
    operation = draw(some.sampled_from(Operation)) if aftermath is None else None
    ongoing: OngoingOperation = begun.ongoing._replace(
        operation=operation or Operation.ACTIVATE,
        steps=tuple(draw(some.lists(steps(), max_size=3))),
        at_risk_at=draw(moments),
        deadline=draw(moments),
        aftermath=aftermath,
        delayed=draw(some.booleans()),
    )
    # Only an operation that is never undone waits for an operator; any other ends at its failure.
    waits_for_operator = status is NumberStatus.RESERVED or operation is Operation.DEACTIVATE
    codes = list(FailureCode) if waits_for_operator else [FailureCode.GIVEN_UP]
    failed = some.sampled_from(codes).flatmap(failures_with)
    ongoing = ongoing._replace(failure=draw(some.none() | failed))
    return begun._replace(status=status, ongoing=ongoing)


def is_due(number: Number, now: datetime) -> bool:
    due = due_at(number)
    return due is not None and due <= now


@given(numbers(), moments)
def test_an_operation_is_due_exactly_when_advance_has_a_decision(
    number: Number, now: datetime
) -> None:
    decision = advance(Situation(number, USAGE), now, AWAITING_ALL)

    assert is_due(number, now) == (decision is not None)


@given(numbers(), moments)
def test_a_due_operation_is_soon_due_no_more_so_that_the_sweep_ends(
    number: Number, now: datetime
) -> None:
    decisions = 0
    while is_due(number, now):
        decision = advance(Situation(number, USAGE), now, AWAITING_ALL)
        assert decision is not None
        assert decision.number is not None
        number = decision.number
        decisions += 1
        # One for each step to retry, the delay, the fallout, the end and what follows the end.
        assert decisions <= 8
        if decision.messages and number.ongoing is not None and number.ongoing.steps:
            # Messages were stored: nothing is due before the relay has offered them.
            number = with_steps(number, publish_error="no queue")


@given(numbers(), moments, moments)
def test_no_deadline_passes_while_results_that_came_before_it_are_unread(
    number: Number, now: datetime, results_until: datetime
) -> None:
    situation = Situation(number, USAGE)
    decision = advance(situation, now, AWAITING_ALL, results_until=results_until)

    assert is_due(number, min(now, results_until)) == (decision is not None)


def test_a_number_without_an_operation_is_never_due() -> None:
    assert due_at(RESERVED) is None


def test_an_operation_with_all_steps_done_is_due_at_once() -> None:
    number = with_steps(pending_number(RESERVED, activate(), AWAITING_ALL), state=StepState.DONE)

    assert due_at(number) == AT_ONCE
