"""A command ends once; what follows is its aftermath, which has one last word."""

from collections import Counter, defaultdict
from datetime import timedelta

from activation_contracts.messages import (
    CommandRejected,
    OperationAftermath,
    OperationDelayed,
    OperationFailed,
    PublishedMessage,
    StatusChanged,
)
from activation_contracts.values import (
    AftermathKind,
    AftermathState,
    FailureCode,
    NumberStatus,
    Operation,
    StepResult,
)
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from typing_extensions import override

from tests.support.data.builders import (
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    deactivate,
)
from tests.support.stories.course import Course
from worker.core.operations.operation import StepState
from worker.core.operations.results import Resolution

LAST_WORDS = {AftermathState.DONE, AftermathState.GIVEN_UP, AftermathState.SUPERSEDED}
LONG = timedelta(days=2)
pauses = some.sampled_from([timedelta(seconds=seconds) for seconds in (1, 10, 59, 61, 299, 301)])


def joining() -> Course:
    """A number that is ACTIVE, with a hunt-group join outstanding."""
    course = Course(RESERVED, AWAITING_ALL, RINGING_MAIN_NUMBER)
    course.receive(activate())
    course.confirm()
    course.answer(course.open_steps[0].step_id, StepResult.DONE)
    course.confirm()
    return course


def compensating() -> Course:
    """A number that is RESERVED, with the reset after its failed activation outstanding."""
    course = Course(RESERVED, AWAITING_ALL)
    course.receive(activate())
    course.confirm()
    course.pass_time(AWAITING_ALL.time_allowed)
    course.confirm()
    return course


def aftermath_of(course: Course) -> list[tuple[AftermathKind, AftermathState]]:
    return [
        (message.data.what, message.data.state)
        for message in course.messages
        if isinstance(message, OperationAftermath)
    ]


def is_terminal(message: PublishedMessage) -> bool:
    """Whether this event ends its command, as the documents say."""
    match message:
        case CommandRejected():
            return True
        case OperationFailed():
            return not message.data.needs_a_person
        case StatusChanged():
            return message.data.status is not NumberStatus.PENDING and not message.data.failure
        case _:
            return False


def test_the_outstanding_join_is_named_in_active_and_reported_once_as_aftermath() -> None:
    course = joining()
    active = course.messages[1]
    assert isinstance(active, StatusChanged)
    assert active.data.outstanding is not None
    before = len(course.messages)

    course.pass_time(LONG)

    assert aftermath_of(course) == [(AftermathKind.HUNT_GROUP_JOIN, AftermathState.OUTSTANDING)]
    (event,) = course.messages[before:]
    assert isinstance(event, OperationAftermath)
    assert event.data.sequence == active.data.sequence
    assert event.data.status is NumberStatus.ACTIVE
    assert "late" not in event.data.detail
    assert event.data.since == active.time


def test_the_reset_after_a_failed_activation_is_named_in_reserved_and_reported_as_aftermath() -> (
    None
):
    course = compensating()
    *_, failed, reserved, _ = course.messages
    assert isinstance(failed, OperationFailed)
    assert isinstance(reserved, StatusChanged)
    assert (reserved.data.failure, len(reserved.data.outstanding or ())) == (
        FailureCode.DEADLINE_PASSED,
        1,
    )
    before = len(course.messages)

    course.pass_time(LONG)
    course.resolve(Resolution.GIVE_UP)

    news = course.messages[before:]
    assert {type(message) for message in news} == {OperationAftermath}
    assert aftermath_of(course) == [
        (AftermathKind.COMPENSATION, AftermathState.OUTSTANDING),
        (AftermathKind.COMPENSATION, AftermathState.NEEDS_A_PERSON),
        (AftermathKind.COMPENSATION, AftermathState.GIVEN_UP),
    ]
    sequences = {item.data.sequence for item in news if isinstance(item, OperationAftermath)}
    assert sequences == {reserved.data.sequence}
    assert course.number.ongoing is None


def test_an_aftermath_that_a_pbx_completes_ends_with_its_result() -> None:
    course = joining()
    course.answer(course.open_steps[0].step_id, StepResult.ALREADY)

    last = course.messages[-1]
    assert isinstance(last, OperationAftermath)
    assert (last.data.state, last.data.detail, last.data.awaiting) == (
        AftermathState.DONE,
        "already",
        (),
    )


def test_an_aftermath_that_an_operator_completes_ends_with_the_reason() -> None:
    course = compensating()
    course.resolve(Resolution.DONE)

    last = course.messages[-1]
    assert isinstance(last, OperationAftermath)
    assert (last.data.state, last.data.detail) == (AftermathState.DONE, "Ada: done")


def test_a_later_command_supersedes_an_aftermath_which_gets_its_last_word() -> None:
    course = joining()
    course.receive(deactivate())

    assert aftermath_of(course) == [(AftermathKind.HUNT_GROUP_JOIN, AftermathState.SUPERSEDED)]
    word = next(item for item in course.messages if isinstance(item, OperationAftermath))
    assert (word.data.command_id, word.data.operation) == ("command-1", "activate")


class OneNumber(RuleBasedStateMachine):
    """Commands, results, silence, refusals of the broker, time and operators in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.course = Course(RESERVED, AWAITING_ALL, RINGING_MAIN_NUMBER)
        self.commands = 0

    @initialize(is_active=some.booleans())
    def choose_number(self, *, is_active: bool) -> None:
        number = ACTIVE_IN_FULL_USE if is_active else RESERVED
        self.course = Course(number, AWAITING_ALL, RINGING_MAIN_NUMBER)

    @rule(operation=some.sampled_from(Operation))
    def receive(self, operation: Operation) -> None:
        self.commands += 1
        make = activate if operation is Operation.ACTIVATE else deactivate
        self.course.receive(make(command_id=f"command-{self.commands}"))

    @rule()
    def confirm(self) -> None:
        self.course.confirm()

    @rule()
    def refuse(self) -> None:
        self.course.refuse()

    @rule(choice=some.integers(0, 9), result=some.sampled_from(StepResult))
    def answer(self, choice: int, result: StepResult) -> None:
        if steps := self.course.open_steps:
            self.course.answer(steps[choice % len(steps)].step_id, result)

    @rule(resolution=some.sampled_from(Resolution))
    def resolve(self, resolution: Resolution) -> None:
        self.course.resolve(resolution)

    @rule(time=pauses)
    def pass_time(self, time: timedelta) -> None:
        self.course.pass_time(time)

    @precondition(lambda self: self.course.ongoing)
    @invariant()
    def a_silent_pbx_will_be_asked_again(self) -> None:
        for step in self.course.open_steps:
            is_asked = step.state is StepState.OPEN and step.step_id not in self.course.unsent
            assert not is_asked or step.request_at is not None

    @invariant()
    def messages_have_distinct_ids(self) -> None:
        ids = [message.id for message in self.course.messages]
        assert len(ids) == len({*ids})

    @invariant()
    def a_command_ends_at_most_once_and_only_its_aftermath_follows(self) -> None:
        ended: Counter[str] = Counter()
        words: defaultdict[str, Counter[bool]] = defaultdict(Counter)
        for message in self.course.messages:
            command = message.causationid
            if isinstance(message, OperationDelayed | OperationFailed):
                assert not ended[command]
            if isinstance(message, OperationAftermath):
                assert ended[command]
                assert not words[command][True], "an aftermath went on after its last word"
                words[command][message.data.state in LAST_WORDS] += 1
            ended[command] += is_terminal(message)
        assert max(ended.values(), default=0) <= 1

    @override
    def teardown(self) -> None:
        """The PBX answers nothing more, and an operator decides: all of it ends."""
        self.course.confirm()
        self.course.pass_time(LONG)
        self.course.resolve(Resolution.DONE)
        # The end of an operation can have an aftermath, which the operator ends as well.
        self.course.confirm()
        self.course.resolve(Resolution.GIVE_UP)
        assert self.course.number.ongoing is None
        terminal = Counter(
            message.causationid for message in self.course.messages if is_terminal(message)
        )
        assert terminal == {f"command-{number}": 1 for number in range(1, self.commands + 1)}
        announced = {
            message.data.command_id
            for message in self.course.messages
            if isinstance(message, StatusChanged) and message.data.outstanding
        }
        last_words = Counter(
            message.data.command_id
            for message in self.course.messages
            if isinstance(message, OperationAftermath) and message.data.state in LAST_WORDS
        )
        assert last_words == dict.fromkeys(announced, 1)


TestOneNumber = OneNumber.TestCase
TestOneNumber.settings = settings(max_examples=100, stateful_step_count=30)
