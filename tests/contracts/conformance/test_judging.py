"""The judge of the conformance kit: pure, on results from files."""

import json
from collections.abc import Iterable
from typing import Any

import pytest
from activation_contracts.conformance import rules
from activation_contracts.conformance.files import judge_files
from activation_contracts.conformance.judging import (
    RESULTS_CASE,
    Verdict,
    judge,
    judge_results,
)
from activation_contracts.conformance.requests import Expectation
from activation_contracts.conformance.rules import Rule
from activation_contracts.conformance.transcript import Arrival, Transcript
from activation_contracts.values import Step
from hypothesis import given
from hypothesis import strategies as st

from tests.support.conformance import planned_cases, results_of

ALL = planned_cases()


def result(request_id: str, said: str, number: int = 1, **data: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"{number} of {request_id}",
        "source": "/pbx/test",
        "type": "telephony.pbx.result.v1",
        "data": {"operation_id": request_id, "result": said, **data},
    }
    return json.dumps(event).encode()


def judged(name: str, said: Iterable[tuple[int, str]]) -> list[Verdict]:
    """The verdicts if these requests of the case, counted from 1, got these results."""
    (planned,) = planned_cases(name)
    bodies = [
        result(planned.requests[place - 1].id, word, number)
        for number, (place, word) in enumerate(said)
    ]
    return judge_files([planned], bodies)


def findings(verdicts: Iterable[Verdict]) -> list[str]:
    return [finding.actual for verdict in verdicts for finding in verdict.findings]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("logout", [(1, "done")]),
        ("logout", [(1, "already")]),
        ("logout", [(1, "not_applicable")]),
        ("logout", [(1, "retry_later"), (1, "retry_later"), (1, "done")]),
        ("logout", [(1, "done"), (1, "already")]),
        ("remove-late", [(1, "done"), (3, "done")]),
        ("remove-late", [(1, "done"), (2, "not_applicable"), (3, "done")]),
        ("remove-late", [(1, "not_applicable"), (3, "already")]),
        ("replaced-while-waiting", [(2, "done"), (3, "done")]),
        ("replaced-while-waiting", [(1, "done"), (2, "done"), (3, "done")]),
        ("replaced-while-waiting", [(2, "done"), (1, "refused"), (3, "done")]),
        ("repeat-at-once", [(1, "done")]),
        ("leave", [(1, "done"), (2, "retry_later"), (2, "already"), (3, "done")]),
        ("withdrawn-activation", [(1, "done"), (3, "already"), (5, "already")]),
        ("reset-after-the-next-activation", [(1, "done"), (3, "already")]),
        ("expired-activation", [(3, "done"), (4, "already")]),
        ("unknown-action", [(1, "done"), (2, "refused"), (3, "done")]),
        ("shortest-and-longest-number", [(1, "refused"), (2, "not_applicable")]),
    ],
)
def test_results_that_follow_the_rules_pass(name: str, said: list[tuple[int, str]]) -> None:
    assert findings(judged(name, said)) == []


@pytest.mark.parametrize(
    ("name", "said", "expected"),
    [
        ("logout", [], ["no result"]),
        ("logout", [(1, "refused")], ["refused"]),
        ("logout", [(1, "retry_later")], ["retry_later, and no other result, at 1 attempts"]),
        ("logout", [(1, "done"), (1, "retry_later")], ["done and retry_later"]),
        ("logout", [(1, "done"), (1, "refused")], ["refused", "done and refused"]),
        ("remove-late", [(1, "done"), (2, "done"), (3, "done")], ["done"]),
        ("remove-late", [(1, "done"), (3, "already")], ["already"]),
        ("unknown-action", [(1, "done"), (3, "done")], ["no result"]),
        ("unknown-action", [(1, "done"), (2, "done"), (3, "already")], ["done", "already"]),
        ("repeat-of-a-reset", [(1, "done"), (2, "already")], ["no result"]),
        (
            "repeat-of-a-reset",
            [(1, "done"), (1, "refused"), (1, "already")],
            ["refused", "done and refused", "done and refused and already"],
        ),
        ("activation", [(1, "done"), (1, "done")], ["no result"]),
        ("deactivation", [(place, "done") for place in (2, 3, 4, 5)], ["no result"]),
    ],
)
def test_results_that_break_a_rule_are_found(
    name: str, said: list[tuple[int, str]], expected: list[str]
) -> None:
    assert findings(judged(name, said)) == expected


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ([(1, "refused")], rules.REFUSAL),
        ([(1, "done"), (2, "refused"), (3, "already")], rules.DESIRED_STATE),
    ],
)
def test_refusal_of_what_was_done_before_breaks_another_rule(
    said: list[tuple[int, str]], rule: Rule
) -> None:
    verdict, _ = judged("repeat-of-an-add", said)

    assert verdict.findings[0].rule == rule


def test_postponement_that_is_repeated_under_its_id_is_found() -> None:
    (planned,) = planned_cases("logout")
    request_id = planned.requests[0].id
    postponed, done = (result(request_id, word, 1) for word in ("retry_later", "done"))
    verdict, _ = judge_files([planned], [postponed, postponed, done])

    assert findings([verdict]) == ["retry_later again under the same id, then done"]
    assert verdict.findings[0].rule == rules.RETRY_ID
    verdict, _ = judge_files([planned], [postponed, postponed])
    assert verdict.findings[0].rule == rules.RETRY_ID
    assert findings(judge_files([planned], [postponed, done])) == []


def test_repeated_result_counts_as_the_answer_to_a_repeated_request() -> None:
    (planned,) = planned_cases("repeat-of-an-add")
    body = result(planned.requests[0].id, "done")

    assert findings(judge_files([planned], [body] * 3)) == []
    assert findings(judge_files([planned], [body] * 2)) == ["no result"]


def test_repeated_result_for_a_request_that_was_replaced_does_no_harm() -> None:
    (planned,) = planned_cases("repeat-of-a-replaced-request")
    add, remove, _, add_again = (request.id for request in planned.requests)
    told = [result(add, "done"), result(remove, "done"), result(add_again, "done")]

    assert findings(judge_files([planned], [*told, told[0]])) == []
    assert findings(judge_files([planned], [*told, result(add, "done", 2)])) == ["done"]


def only_results(body: bytes) -> list[str]:
    (planned,) = planned_cases("logout")
    *_, verdict = judge_files([planned], [result(planned.requests[0].id, "done"), body])
    assert verdict.name == RESULTS_CASE
    return findings([verdict])


def test_result_that_names_the_command_is_explained() -> None:
    (planned,) = planned_cases("logout")
    request = planned.requests[0]

    assert only_results(result(request.command_id, "done")) == [
        f"operation_id {request.command_id!r}, which is the command_id of request {request.id}"
    ]


def test_result_for_no_request_and_result_that_cannot_be_read_are_found() -> None:
    assert only_results(result("another", "done")) == ["operation_id 'another'"]
    assert "NOT_JSON" in only_results(b"done")[0]
    assert "Input should be 'done'" in only_results(result("x", "finished"))[0]


def test_two_requests_whose_results_share_an_id_are_found() -> None:
    planned = planned_cases("logout", "reset")
    bodies = [
        result(case.requests[0].id, "done").replace(f"1 of {case.requests[0].id}".encode(), b"same")
        for case in planned
    ]

    assert findings(judge_files(planned, bodies)) == [
        f"the id of a result for {planned[0].requests[0].id}"
    ]


def all_bodies() -> list[bytes]:
    return [request.body for planned in ALL for request in planned.requests]


@pytest.mark.parametrize(
    ("routing_key", "is_persistent", "expected"),
    [
        ("pbx.result", True, []),
        ("results", True, ["routing key 'results'"]),
        ("pbx.result", False, ["a transient one"]),
    ],
)
def test_result_that_is_published_carelessly_is_found(
    routing_key: str, expected: list[str], *, is_persistent: bool
) -> None:
    (planned,) = planned_cases("logout")
    transcript = Transcript()
    request = planned.requests[0]
    transcript.open(request)
    body = result(request.id, "done")
    transcript.receive(Arrival(body, routing_key=routing_key, is_persistent=is_persistent))

    assert findings([judge_results(transcript)]) == expected


def test_requests_that_were_not_sent_any_more_are_findings() -> None:
    (planned,) = planned_cases("remove-late")
    sent = Transcript().open(planned.requests[0])
    verdict = judge(planned.case, planned.requests, [sent])

    assert findings([verdict]) == [
        "no result",
        *["it was not sent, because the request before it had no answer"] * 2,
    ]


@pytest.mark.parametrize("kinds", [(), ("retry_later*2",)])
def test_fake_pbx_passes_every_case_on_files(kinds: tuple[str, ...]) -> None:
    faults = [f"{step}={kind}" for step in Step for kind in kinds]
    results = [item.encode() for item in results_of(all_bodies(), *faults)]

    assert findings(judge_files(ALL, results)) == []


@given(st.data())
def test_missing_answer_is_always_found_and_a_repeated_result_never(data: st.DataObject) -> None:
    planned = data.draw(st.sampled_from(ALL))
    results = [item.encode() for item in results_of(r.body for r in planned.requests)]
    repeated = data.draw(st.sampled_from(results))
    needed = sum(r.expectation.needs_answer for r in planned.requests)
    lost = data.draw(st.integers(0, len(results) - 1))
    verdicts = judge_files([planned], [*results, repeated])
    without = judge_files([planned], [*results[:lost], *results[lost + 1 :]])

    assert findings(verdicts) == []
    assert findings(without) or len(results) > needed


@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),
            st.sampled_from(["done", "already", "not_applicable", "retry_later", "refused"]),
        )
    )
)
def test_case_passes_only_if_each_needed_answer_came(said: list[tuple[int, str]]) -> None:
    name = "repeat-of-a-replaced-request"
    (planned,) = planned_cases(name)
    verdict, _ = judged(name, said)
    ended = {planned.requests[place - 1].id for place, word in said if word != "retry_later"}
    needed = {
        request.id for request in planned.requests if request.expectation is not Expectation.DROPPED
    }

    assert not verdict.passed or needed <= ended
