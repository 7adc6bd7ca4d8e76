"""The fake PBX without a broker: what can be asked of it, and the rules that it keeps."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from contracts.examples import EXAMPLES
from contracts.fake_pbx.__main__ import main
from contracts.fake_pbx.behaviour import (
    KINDS,
    Fault,
    FaultKind,
    Reaction,
    parse_fault,
    reaction_to,
)
from contracts.fake_pbx.pbx import MESSAGES, FakePbx, Heard, Request, request_of
from contracts.reading import read
from contracts.values import Step, StepResult

NUMBER = "+442079460203"
RUN = UUID(int=1)
NOW = datetime(2026, 11, 24, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (
            "activation=refuse:EXTENSION_IN_USE",
            Fault(Step.ACTIVATION, FaultKind.REFUSE, code="EXTENSION_IN_USE"),
        ),
        (
            "hunt_group_membership=retry_later*2",
            Fault(Step.HUNT_GROUP_MEMBERSHIP, FaultKind.RETRY_LATER, times=2),
        ),
        (
            f"extension_reset@{NUMBER}=slow:0.5",
            Fault(Step.EXTENSION_RESET, FaultKind.SLOW, phone_number=NUMBER, seconds=0.5),
        ),
        (
            f"handset_logout@{NUMBER}=retry_later:BUSY*3",
            Fault(
                Step.HANDSET_LOGOUT,
                FaultKind.RETRY_LATER,
                phone_number=NUMBER,
                code="BUSY",
                times=3,
            ),
        ),
        ("activation=silent", Fault(Step.ACTIVATION, FaultKind.SILENT)),
    ],
)
def test_a_fault_is_read(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("activation", "expected STEP"),
        ("", "expected STEP"),
        (
            "provisioning=silent",
            "'provisioning' is no step: expected one of activation, hunt_group",
        ),
        ("activation=explode", "'explode' is no kind of fault: expected one of slow, duplicate"),
        ("activation@0203=silent", "'0203' is no phone number"),
        ("activation@=silent", "'' is no phone number"),
        ("activation=slow", "'' is no number of seconds"),
        ("activation=slow:soon", "'soon' is no number of seconds"),
        ("activation=slow:-1", "'-1' is no number of seconds"),
        ("activation=slow:nan", "'nan' is no number of seconds"),
        ("activation=silent:5", "silent takes no value, found '5'"),
        ("activation=retry_later*0", "'0' is no number of attempts"),
        ("activation=retry_later*", "'' is no number of attempts"),
        ("activation=refuse:" + "X" * 129, "at most 128 characters"),
    ],
)
def test_what_is_no_fault_is_explained(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_fault(text)


@pytest.mark.parametrize(
    ("text", "reaction"),
    [
        ("slow:3", Reaction(delay_seconds=3)),
        ("duplicate", Reaction(answers=2)),
        ("out_of_order", Reaction(held_back=True)),
        ("refuse:NO", Reaction(result=StepResult.REFUSED, code="NO")),
        ("retry_later", Reaction(result=StepResult.RETRY_LATER)),
        ("silent", Reaction(answers=0)),
        ("already", Reaction(result=StepResult.ALREADY)),
        ("not_applicable", Reaction(result=StepResult.NOT_APPLICABLE)),
    ],
)
def test_each_kind_of_fault_has_its_effect(text: str, reaction: Reaction) -> None:
    faults = [parse_fault(f"activation={text}")]

    assert reaction_to(faults, Step.ACTIVATION, NUMBER, attempt=1) == reaction
    assert reaction_to(faults, Step.EXTENSION_RESET, NUMBER, attempt=1) == Reaction()


def test_no_kind_of_fault_is_without_a_row() -> None:
    assert [*KINDS] == [*FaultKind]


def test_a_fault_may_befall_the_first_attempts_only() -> None:
    faults = [parse_fault("activation=retry_later*2"), parse_fault("activation=refuse*3")]
    reactions = [
        reaction_to(faults, Step.ACTIVATION, NUMBER, attempt=attempt) for attempt in (1, 2, 3, 4)
    ]

    assert [reaction.result for reaction in reactions] == [
        StepResult.RETRY_LATER,
        StepResult.RETRY_LATER,
        StepResult.REFUSED,
        None,
    ]


def test_the_faults_of_one_step_add_up() -> None:
    faults = [parse_fault(f"activation={kind}") for kind in ("slow:2", "duplicate", "refuse:NO")]

    assert reaction_to(faults, Step.ACTIVATION, NUMBER, attempt=1) == Reaction(
        result=StepResult.REFUSED, code="NO", delay_seconds=2, answers=2
    )


def test_a_numbers_own_faults_take_the_place_of_the_general_ones() -> None:
    faults = [parse_fault("activation=refuse"), parse_fault(f"activation@{NUMBER}=slow:1")]

    own = reaction_to(faults, Step.ACTIVATION, NUMBER, attempt=1)
    other = reaction_to(faults, Step.ACTIVATION, "+442079460299", attempt=1)

    assert own == Reaction(delay_seconds=1)
    assert other == Reaction(result=StepResult.REFUSED)


def example(name: str) -> Heard:
    return read(EXAMPLES[f"telephony.{name}"].encode(), None, MESSAGES)


def test_only_what_asks_for_something_is_a_request() -> None:
    names = ("hunt_group.membership.v1", "handset.logout.v1", "extension.reset.v1")
    requests = [request_of(example(name)) for name in names]

    assert [request.step for request in requests if request] == [*Step][1:]
    # It says that a deactivation is PENDING.
    assert request_of(example("phone_number.status_changed.v1")) is None
    assert request_of(example("phone_number.status_changed.v1.active")) is None


def request(sequence: int, wish: str = "blank", *, site_id: str = "london-1") -> Request:
    about = (NUMBER, "extension")
    step = Step.EXTENSION_RESET
    return Request(f"operation-{sequence}", step, NUMBER, site_id, sequence, about, wish)


def fake(*faults: str, site_id: str | None = None) -> FakePbx:
    return FakePbx([parse_fault(fault) for fault in faults], site_id=site_id, run=RUN)


def answers(pbx: FakePbx, *requests: Request) -> list[str]:
    return [
        pbx.carry_out(pbx.take(item, redelivered=False), NOW).data.result.value for item in requests
    ]


def test_what_is_so_already_is_answered_so() -> None:
    provisioned = request(8, "provisioned")

    assert answers(fake(), request(7), request(7), provisioned, request(9)) == [
        "done",
        "already",
        "done",
        "done",
    ]


def test_what_is_older_is_late_and_a_repeat_is_not() -> None:
    pbx = fake()
    answers(pbx, request(7))

    assert [pbx.is_late(request(sequence)) for sequence in (6, 7, 8)] == [True, False, False]


@pytest.mark.parametrize(
    ("fault", "applied"),
    [
        ("refuse", False),
        ("retry_later", False),
        ("not_applicable", False),
        ("already", True),
        ("silent", True),
    ],
)
def test_what_was_not_done_is_not_remembered(fault: str, *, applied: bool) -> None:
    pbx = fake(f"extension_reset={fault}")
    answers(pbx, request(7))

    assert pbx.is_late(request(6)) is applied


def test_an_answer_has_one_id_for_each_attempt() -> None:
    pbx = fake("extension_reset=retry_later*1")
    deliveries = [
        pbx.carry_out(pbx.take(request(7), redelivered=redelivered), NOW)
        for redelivered in (False, True, False)
    ]
    first, returned, second = (item.id for item in deliveries)

    assert first == returned != second
    assert [item.data.result.value for item in deliveries] == [
        "retry_later",
        "retry_later",
        "done",
    ]
    assert deliveries[0].data.operation_id == "operation-7"
    assert deliveries[0].source == "/pbx/london-1"


def test_a_restarted_pbx_gives_no_other_answer_under_a_used_id() -> None:
    restarted = FakePbx([], site_id=None, run=UUID(int=2))
    before, after = (
        pbx.carry_out(pbx.take(request(7), redelivered=False), NOW) for pbx in (fake(), restarted)
    )

    assert before.id != after.id


def test_a_pbx_of_one_site_serves_no_other() -> None:
    assert fake(site_id="london-1").serves(request(7))
    assert not fake(site_id="paris-2").serves(request(7))
    assert fake().serves(request(7))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--fault", "activation=explode"], "'explode' is no kind of fault"),
        (["--site", "no such site"], "'no such site' is no site id"),
    ],
)
def test_a_wrong_argument_is_named(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)

    assert problem in capsys.readouterr().err


def test_the_help_names_every_step_and_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    said = capsys.readouterr().out

    assert [word for word in (*Step, *FaultKind) if word not in said] == []
