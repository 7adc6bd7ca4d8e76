"""The fake PBX without a broker: its faults, and the rules of docs/pbx.md."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from activation_contracts.examples import EXAMPLES
from activation_contracts.fake_pbx.__main__ import main
from activation_contracts.fake_pbx.behaviour import (
    FAULT_KINDS,
    Fault,
    FaultKind,
    Reaction,
    parse_fault,
    reaction_to,
)
from activation_contracts.fake_pbx.pbx import MESSAGES, FakePbx, PbxInput, StepRequest, step_request
from activation_contracts.messages import PbxResult
from activation_contracts.reading import read
from activation_contracts.values import Step, StepResult

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
def test_parse_fault_reads_each_part_of_a_fault(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("activation", "expected STEP"),
        ("", "expected STEP"),
        (
            "provisioning=silent",
            "'provisioning' is not a step: expected one of activation, hunt_group",
        ),
        ("activation=explode", "'explode' is not a kind of fault: expected one of slow, duplicate"),
        ("activation@0203=silent", "'0203' is not a phone number"),
        ("activation@=silent", "'' is not a phone number"),
        ("activation=slow", "'' is not a number of seconds"),
        ("activation=slow:soon", "'soon' is not a number of seconds"),
        ("activation=slow:-1", "'-1' is not a number of seconds"),
        ("activation=slow:nan", "'nan' is not a number of seconds"),
        ("activation=silent:5", "silent takes no value, found '5'"),
        ("activation=retry_later*0", "'0' is not a number of attempts"),
        ("activation=retry_later*", "'' is not a number of attempts"),
        ("activation=refuse:" + "X" * 129, "at most 128 characters"),
    ],
)
def test_parse_fault_explains_an_invalid_fault(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_fault(text)


@pytest.mark.parametrize(
    ("text", "reaction"),
    [
        ("slow:3", Reaction(delay_seconds=3)),
        ("duplicate", Reaction(results=2)),
        ("out_of_order", Reaction(reordered=True)),
        ("refuse:NO", Reaction(result=StepResult.REFUSED, code="NO")),
        ("retry_later", Reaction(result=StepResult.RETRY_LATER)),
        ("silent", Reaction(results=0)),
        ("already", Reaction(result=StepResult.ALREADY)),
        ("not_applicable", Reaction(result=StepResult.NOT_APPLICABLE)),
    ],
)
def test_each_kind_of_fault_has_its_reaction(text: str, reaction: Reaction) -> None:
    faults = [parse_fault(f"activation={text}")]

    assert reaction_to(faults, Step.ACTIVATION, NUMBER, attempt=1) == reaction
    assert reaction_to(faults, Step.EXTENSION_RESET, NUMBER, attempt=1) == Reaction()


def test_every_kind_of_fault_has_a_definition() -> None:
    assert [*FAULT_KINDS] == [*FaultKind]


def test_a_fault_with_times_affects_only_the_first_attempts() -> None:
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


def test_the_faults_of_one_step_are_combined() -> None:
    faults = [parse_fault(f"activation={kind}") for kind in ("slow:2", "duplicate", "refuse:NO")]

    assert reaction_to(faults, Step.ACTIVATION, NUMBER, attempt=1) == Reaction(
        result=StepResult.REFUSED, code="NO", delay_seconds=2, results=2
    )


def test_the_faults_of_a_number_replace_the_general_faults() -> None:
    faults = [parse_fault("activation=refuse"), parse_fault(f"activation@{NUMBER}=slow:1")]

    own = reaction_to(faults, Step.ACTIVATION, NUMBER, attempt=1)
    other = reaction_to(faults, Step.ACTIVATION, "+442079460299", attempt=1)

    assert own == Reaction(delay_seconds=1)
    assert other == Reaction(result=StepResult.REFUSED)


def example(name: str) -> PbxInput:
    return read(EXAMPLES[f"telephony.{name}"].encode(), None, MESSAGES)


def test_only_pbx_messages_and_pending_activations_are_requests() -> None:
    names = ("hunt_group.membership.v1", "handset.logout.v1", "extension.reset.v1")
    requests = [step_request(example(name)) for name in names]

    assert [request.step for request in requests if request] == [*Step][1:]
    # A PENDING deactivation.
    assert step_request(example("phone_number.status_changed.v1")) is None
    assert step_request(example("phone_number.status_changed.v1.active")) is None


def reset_request(sequence: int, state: str = "blank", *, site_id: str = "london-1") -> StepRequest:
    resource = (NUMBER, "extension")
    step = Step.EXTENSION_RESET
    return StepRequest(f"operation-{sequence}", step, NUMBER, site_id, sequence, resource, state)


def new_pbx(*faults: str, site_id: str | None = None) -> FakePbx:
    return FakePbx([parse_fault(fault) for fault in faults], site_id=site_id, run=RUN)


def first_result(pbx: FakePbx, request: StepRequest) -> PbxResult:
    return pbx.carry_out(pbx.begin(request, redelivered=False), NOW)


def results_of(pbx: FakePbx, *requests: StepRequest) -> list[str]:
    return [first_result(pbx, request).data.result.value for request in requests]


def test_a_state_that_exists_already_is_answered_already() -> None:
    provisioned = reset_request(8, "provisioned")

    assert results_of(
        new_pbx(), reset_request(7), reset_request(7), provisioned, reset_request(9)
    ) == [
        "done",
        "already",
        "done",
        "done",
    ]


def test_an_action_that_came_later_is_refused_and_not_carried_out() -> None:
    body = EXAMPLES["telephony.hunt_group.membership.v1"].encode()
    later = step_request(read(body.replace(b"remove", b"mute"), None, MESSAGES))
    known = step_request(read(body, None, MESSAGES))
    assert later is not None
    assert known is not None

    assert results_of(new_pbx(), later, known) == ["refused", "done"]


def test_only_a_request_with_an_older_sequence_is_outdated() -> None:
    pbx = new_pbx()
    results_of(pbx, reset_request(7))

    assert [pbx.is_outdated(reset_request(sequence)) for sequence in (6, 7, 8)] == [
        True,
        False,
        False,
    ]


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
def test_only_applied_requests_outdate_older_ones(fault: str, *, applied: bool) -> None:
    pbx = new_pbx(f"extension_reset={fault}")
    results_of(pbx, reset_request(7))

    assert pbx.is_outdated(reset_request(6)) is applied


def test_a_result_has_one_id_for_each_attempt() -> None:
    pbx = new_pbx("extension_reset=retry_later*1")
    deliveries = [
        pbx.carry_out(pbx.begin(reset_request(7), redelivered=redelivered), NOW)
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


def test_a_restarted_fake_pbx_uses_new_result_ids() -> None:
    restarted = FakePbx([], site_id=None, run=UUID(int=2))
    before, after = (first_result(pbx, reset_request(7)) for pbx in (new_pbx(), restarted))

    assert before.id != after.id


def test_a_fake_pbx_of_one_site_serves_only_that_site() -> None:
    assert new_pbx(site_id="london-1").serves(reset_request(7))
    assert not new_pbx(site_id="paris-2").serves(reset_request(7))
    assert new_pbx().serves(reset_request(7))


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["--fault", "activation=explode"], "'explode' is not a kind of fault"),
        (["--site", "no such site"], "'no such site' is not a site id"),
    ],
)
def test_an_invalid_argument_is_explained(
    words: list[str], problem: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(words)

    assert problem in capsys.readouterr().err


def test_the_help_names_every_step_and_every_fault(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    output = capsys.readouterr().out

    assert [word for word in (*Step, *FaultKind) if word not in output] == []
