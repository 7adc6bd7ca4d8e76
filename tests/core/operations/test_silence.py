"""A step whose PBX stays silent is requested again under the same id."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from activation_contracts.messages import OperationDelayed, OperationFailed
from activation_contracts.values import FailureCode, NumberStatus, Step, StepResult
from typing_extensions import override

from tests.support.data.builders import (
    ACTIVE,
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    NOW,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    deactivate,
)
from tests.support.stories.course import Course
from worker.core.messages.explanations import explain
from worker.core.operations.results import Resolution

POLICY = replace(
    AWAITING_ALL, first_pause=timedelta(seconds=10), longest_pause=timedelta(seconds=40)
)
RESETTING = replace(POLICY, awaited_steps=frozenset({Step.EXTENSION_RESET}))
DAY = timedelta(days=1)


class SilentPbx(Course):
    """The broker confirms every message at once, and no PBX answers."""

    @override
    def pass_time(self, time: timedelta) -> None:
        """Lets time pass, one second after another."""
        for _ in range(int(time.total_seconds())):
            super().pass_time(timedelta(seconds=1))
            self.confirm()

    def pauses(self) -> list[int]:
        """The seconds between the requests of the first step, or of the one after the end."""
        times = [at for at, step_id in self.requests if step_id == self.requests[0][1]]
        return _pauses(times)

    def pauses_of_last(self) -> list[int]:
        """The seconds between the requests of the last step."""
        return _pauses([at for at, step_id in self.requests if step_id == self.requests[-1][1]])


def _pauses(times: list[datetime]) -> list[int]:
    return [int((later - earlier).total_seconds()) for earlier, later in pairwise(times)]


def begun(course: SilentPbx) -> SilentPbx:
    command = activate() if course.number.status is NumberStatus.RESERVED else deactivate()
    course.receive(command)
    course.confirm()
    return course


def test_a_silent_activation_is_requested_again_with_growing_pauses_until_its_deadline() -> None:
    course = begun(SilentPbx(RESERVED, POLICY))

    course.pass_time(POLICY.time_allowed)

    assert course.pauses() == [10, 20, 40, 40, 40, 40, 40, 40]
    assert course.number.status is NumberStatus.RESERVED


def test_messages_show_how_often_a_silent_pbx_was_asked() -> None:
    course = begun(SilentPbx(RESERVED, POLICY))

    course.pass_time(POLICY.at_risk_after)

    (delayed,) = (item for item in course.messages if isinstance(item, OperationDelayed))
    assert [step.attempt for step in delayed.data.awaiting] == [3]
    assert "to be asked again at 2026-11-24 09:01:10 UTC" in delayed.data.message


def test_the_attempts_that_are_said_to_be_left_do_not_change_while_a_pbx_is_silent() -> None:
    course = begun(SilentPbx(ACTIVE, RESETTING))
    left = f"up to {POLICY.attempts_maximum - 1} more on retry_later"
    for attempt in (1, 2, 3):
        assert f"(attempt {attempt}, {left}, sent" in explained(course)
        course.pass_time(timedelta(seconds=10 * 2 ** (attempt - 1)))

    (step,) = course.open_steps
    course.answer(step.step_id, StepResult.RETRY_LATER)
    assert f"up to {POLICY.attempts_maximum - 2} more on retry_later" in explained(course)


def explained(course: Course) -> str:
    assert course.number.ongoing is not None
    return explain(course.number.status, course.number.ongoing)


def test_silence_uses_up_no_attempts() -> None:
    course = begun(SilentPbx(ACTIVE, RESETTING))
    course.pass_time(timedelta(seconds=200))
    (step,) = course.open_steps
    assert step.attempt > POLICY.attempts_maximum

    for _ in range(POLICY.attempts_maximum - 1):
        course.answer(step.step_id, StepResult.RETRY_LATER)
        assert course.open_steps[0].failure is None
        # The PBX gets the request of the next attempt before it answers again.
        course.pass_time(timedelta(seconds=41))
    course.answer(step.step_id, StepResult.RETRY_LATER)

    assert course.open_steps[0].failure is not None
    assert course.open_steps[0].failure.code is FailureCode.ATTEMPTS_EXHAUSTED


def test_a_silent_deactivation_is_requested_again_more_slowly_after_its_deadline() -> None:
    course = begun(SilentPbx(ACTIVE, RESETTING))

    course.pass_time(timedelta(hours=1))

    assert course.pauses()[:9] == [10, 20, 40, 40, 40, 40, 40, 40, 40]
    assert {*course.pauses()[9:]} == {300}
    (failed,) = (item for item in course.messages if isinstance(item, OperationFailed))
    assert (failed.data.needs_a_person, failed.data.code) == (True, "DEADLINE_PASSED")
    course.answer(course.open_steps[0].step_id, StepResult.DONE)
    assert course.number.status is NumberStatus.RESERVED


def test_a_silent_join_is_requested_with_growing_pauses_for_as_long_as_it_takes() -> None:
    course = begun(SilentPbx(RESERVED, POLICY, RINGING_MAIN_NUMBER))
    course.answer(course.open_steps[0].step_id, StepResult.DONE)
    course.confirm()

    course.pass_time(timedelta(hours=2))

    pauses = course.pauses_of_last()
    assert pauses[:6] == [10, 20, 40, 80, 160, 300]
    assert {*pauses[6:]} == {300}
    assert len(pauses) > 20
    assert course.number.status is NumberStatus.ACTIVE


@pytest.mark.parametrize(
    ("result", "is_asked_again"),
    [
        (StepResult.REFUSED, False),
        (StepResult.DONE, False),
    ],
)
def test_a_step_that_a_pbx_has_answered_is_not_silent(
    result: StepResult, *, is_asked_again: bool
) -> None:
    course = begun(SilentPbx(ACTIVE_IN_FULL_USE, POLICY))
    first, *others = course.open_steps
    course.answer(first.step_id, result)
    asked = len(course.requests)

    course.pass_time(timedelta(seconds=60))

    again = {step_id for _, step_id in course.requests[asked:]}
    assert (first.step_id in again) is is_asked_again
    assert again == {step.step_id for step in others}


def test_a_retry_that_a_pbx_asks_for_replaces_the_one_after_its_silence() -> None:
    course = begun(SilentPbx(ACTIVE, RESETTING))
    course.pass_time(timedelta(seconds=9))
    (step,) = course.open_steps
    course.answer(step.step_id, StepResult.RETRY_LATER)

    course.pass_time(timedelta(seconds=11))

    assert course.pauses() == [19]
    assert course.open_steps[0].attempt == 2


def test_a_request_that_was_not_confirmed_is_not_repeated() -> None:
    course = Course(RESERVED, POLICY)
    course.receive(activate())
    course.refuse()

    course.pass_time(POLICY.time_allowed - timedelta(seconds=1))

    assert len(course.requests) == 1


def test_a_refused_request_does_not_suspend_the_deadline_of_an_activation() -> None:
    course = Course(RESERVED, replace(POLICY, awaited_steps=frozenset({Step.ACTIVATION})))
    course.receive(activate())
    course.refuse()

    course.pass_time(POLICY.time_allowed)

    assert course.number.status is NumberStatus.RESERVED
    assert course.number.ongoing is None
    (failed,) = (item for item in course.messages if isinstance(item, OperationFailed))
    assert failed.data.code is FailureCode.DEADLINE_PASSED
    assert "could not be published by 2026-11-24 09:05:00 UTC" in failed.data.detail
    assert "last error: no queue" in failed.data.detail


def test_a_refused_request_does_not_suspend_the_deadline_of_a_deactivation() -> None:
    course = Course(ACTIVE, RESETTING)
    course.receive(deactivate())
    course.refuse()

    course.pass_time(DAY)

    (failed,) = (item for item in course.messages if isinstance(item, OperationFailed))
    assert failed.data.needs_a_person
    assert course.number.status is NumberStatus.PENDING


def test_an_untried_request_suspends_the_deadline() -> None:
    course = Course(RESERVED, POLICY)
    course.receive(activate())

    course.pass_time(DAY)

    assert course.number.status is NumberStatus.PENDING
    assert course.now == NOW + DAY


def test_a_retry_of_an_operator_begins_again_with_short_pauses_and_all_attempts() -> None:
    course = begun(SilentPbx(ACTIVE, RESETTING))
    course.pass_time(timedelta(seconds=700))
    course.resolve(Resolution.RETRY)
    course.confirm()
    asked = len(course.requests)

    course.pass_time(timedelta(seconds=35))

    (step,) = course.open_steps
    assert (step.attempt, step.attempts_maximum) == (3, POLICY.attempts_maximum + 2)
    assert len(course.requests) == asked + 2
