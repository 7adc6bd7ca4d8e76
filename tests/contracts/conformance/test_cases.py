"""The cases of the conformance kit: valid messages, rules that stand on the page."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from activation_contracts.catalogue import definition_of
from activation_contracts.conformance import rules
from activation_contracts.conformance.arguments import options_of
from activation_contracts.conformance.cases import CASES
from activation_contracts.conformance.cases.content import LONGEST_NAME, ODD_TEXTS
from activation_contracts.conformance.cases.extensions import MAIN_NUMBER, UNKNOWN_FEATURE
from activation_contracts.conformance.planning import COMMON_STEPS, Identity, PlannedCase, plan
from activation_contracts.conformance.requests import Expectation, Request
from activation_contracts.conformance.rules import Rule
from activation_contracts.documents.folder import DOCUMENTS
from activation_contracts.messages import (
    ExtensionReset,
    HandsetLogout,
    HuntGroupMembership,
    StatusChanged,
)
from activation_contracts.reading import read
from activation_contracts.records import Name
from activation_contracts.values import EXTENSION_FEATURES, Step
from pydantic import TypeAdapter, ValidationError

from tests.support.conformance import NOW, planned_cases

PLANNED = planned_cases()
RULES = [value for value in vars(rules).values() if isinstance(value, Rule)]
REQUESTS = [request for case in PLANNED for request in case.requests]


def section_of(name: str) -> str:
    page = (DOCUMENTS / "pbx.md").read_text(encoding="utf-8")
    (text,) = re.findall(
        rf"^## {re.escape(name)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE
    )
    return " ".join(text.replace("**", "").split())


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.words[:40])
def test_each_rule_stands_in_its_section_of_the_page(rule: Rule) -> None:
    assert rule.words in section_of(rule.section)


def test_every_rule_is_checked_by_a_case_or_by_the_judge() -> None:
    checked = {case.rule for case in CASES}

    assert {rule for rule in RULES if rule not in checked} == {
        rules.PUBLISHING,
        rules.READABLE,
        rules.RESULT_ID,
        rules.RETRY,
        rules.RETRY_ID,
    }


def test_each_case_has_a_name_and_a_number_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) == len(PLANNED)
    assert len({planned.phone_number for planned in PLANNED}) == len(CASES)


@pytest.mark.parametrize("planned", PLANNED, ids=lambda planned: planned.case.name)
def test_each_request_is_a_message_of_the_contracts_with_its_id(planned: PlannedCase) -> None:
    for request in planned.requests:
        kind = type(request.message)
        name = definition_of(kind).type
        message = read(request.body, "application/cloudevents+json", {name: kind})
        assert isinstance(message, kind)
        if request.expectation is not Expectation.REFUSED:
            assert message == request.message
    # A command names each resource once, so a repeat is the only way to the same id.
    contents = {request.id: request.body for request in planned.requests}
    assert all(contents[request.id] == request.body for request in planned.requests)


def test_requests_of_different_cases_share_no_id() -> None:
    ids = [{request.id for request in planned.requests} for planned in PLANNED]

    assert len(set().union(*ids)) == sum(map(len, ids))


def groups_of(requests: list[Request]) -> set[tuple[str, object]]:
    return {
        (request.message.data.action, request.message.data.hunt_group_id)
        for request in requests
        if isinstance(request.message, HuntGroupMembership)
    }


def test_cases_cover_every_kind_of_request() -> None:
    resets = {r.message.data.clear for r in REQUESTS if isinstance(r.message, ExtensionReset)}
    devices = {r.message.data.device_id for r in REQUESTS if isinstance(r.message, HandsetLogout)}

    assert resets == {EXTENSION_FEATURES, MAIN_NUMBER, UNKNOWN_FEATURE}
    assert {action for action, _ in groups_of(REQUESTS)} == {"add", "remove"}
    assert {*ODD_TEXTS, LONGEST_NAME} <= devices
    assert {*ODD_TEXTS} <= {name for _, name in groups_of(REQUESTS)}
    assert {request.step for request in REQUESTS} == {*Step}


def test_messages_of_a_newer_version_have_fields_that_this_version_does_not_know() -> None:
    newer = planned_cases("unknown-fields")[0].requests

    assert {request.step for request in newer} == {*COMMON_STEPS}
    assert all(len(request.body) > len(request.message.encode()) for request in newer)


def test_each_reset_clears_what_a_worker_clears() -> None:
    for reset in (r.message for r in REQUESTS if isinstance(r.message, ExtensionReset)):
        assert {*reset.data.clear} >= {*EXTENSION_FEATURES}
        assert [*reset.data.clear] == sorted(reset.data.clear)


def test_names_are_those_that_records_can_have() -> None:
    name: TypeAdapter[str] = TypeAdapter(Name)

    for text in (*ODD_TEXTS, LONGEST_NAME):
        assert name.validate_python(text) == text
    with pytest.raises(ValidationError):
        name.validate_python(LONGEST_NAME + "x")


def test_activations_do_not_expire_in_a_slow_run() -> None:
    (planned,) = planned_cases("activation")
    message = planned.requests[0].message

    assert isinstance(message, StatusChanged)
    assert message.data.deadline is not None
    assert message.data.deadline - NOW >= timedelta(hours=12)


def test_messages_in_files_are_always_the_same() -> None:
    assert [request.body for case in planned_cases() for request in case.requests] == [
        request.body for request in REQUESTS
    ]


def test_messages_of_a_later_run_have_other_ids_and_higher_sequences() -> None:
    options = options_of([])
    now = datetime(2026, 12, 1, tzinfo=UTC)
    first, later = (
        plan(options.data, Identity.of_a_run(moment), steps=options.steps, restarts=False).cases
        for moment in (now, now + timedelta(minutes=1))
    )

    for one, other in zip(first, later, strict=True):
        assert {r.id for r in one.requests}.isdisjoint(r.id for r in other.requests)
        highest = max(request.message.data.sequence for request in one.requests)
        assert all(request.message.data.sequence > highest for request in other.requests)


def test_cases_that_share_a_number_have_rising_sequences() -> None:
    options = options_of(["--number", "+442079460201", "--number", "+442079460202"])
    found = plan(options.data, Identity.of_files(), steps=options.steps, restarts=False)
    highest: dict[str, int] = {}
    for planned in found.cases:
        sequences = [
            request.message.data.sequence
            for request in planned.requests
            if request.message.data.phone_number == planned.phone_number
        ]
        assert min(sequences, default=99999) > highest.get(planned.phone_number, 0)
        highest[planned.phone_number] = max(sequences, default=0)

    assert {*highest} >= {"+442079460201", "+442079460202"}


@pytest.mark.parametrize("steps", [COMMON_STEPS, tuple(Step)])
def test_run_with_one_number_has_higher_sequences_than_one_ten_seconds_before(
    steps: tuple[Step, ...],
) -> None:
    data = options_of(["--number", "+442079460201"]).data
    now = datetime(2026, 12, 1, tzinfo=UTC)
    first, later = (
        plan(data, Identity.of_a_run(moment), steps=steps, restarts=True).cases
        for moment in (now, now + timedelta(seconds=10))
    )
    highest = max(r.message.data.sequence for case in first for r in case.requests)

    assert all(r.message.data.sequence > highest for case in later for r in case.requests)


def test_run_with_a_number_sends_nothing_about_others() -> None:
    number = "+442079460201"
    data = options_of(["--number", number]).data
    found = plan(data, Identity.of_files(), steps=tuple(Step), restarts=True)

    assert found.not_run == {"shortest-and-longest-number": "without --number"}
    assert {
        request.message.data.phone_number for case in found.cases for request in case.requests
    } == {number}


def test_plan_names_the_option_that_adds_each_case_left_out() -> None:
    options = options_of(["--steps", "handset_logout,hunt_group_membership"])
    found = plan(options.data, Identity.of_files(), steps=options.steps, restarts=False)

    assert found.not_run["reset"] == "--steps extension_reset"
    assert found.not_run["activation"] == "--steps activation"
    assert found.not_run["restart"] == "--restart-command"
    assert "logout" not in found.not_run
    assert len(found.cases) + len(found.not_run) == len(CASES)
