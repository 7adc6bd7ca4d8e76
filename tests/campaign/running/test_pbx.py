"""The PBX of the campaign does every request in the end, and is silent at times."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.campaign.judging.notes import Note
from tests.campaign.running.pbx import DAWDLES_SECONDS, OUTAGE_EVERY_SECONDS, OUTAGE_SECONDS, Pbx

REQUESTS = [Note("groups", "add", f"step-{place}", "0000001", "+440001") for place in range(2000)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    def set_time(seconds: float) -> None:
        monkeypatch.setattr("time.time", lambda: seconds)

    set_time(OUTAGE_SECONDS + 1)
    return set_time


def results(program: Pbx) -> Counter[tuple[str, str]]:
    bodies: list[Any] = [json.loads(body) for *_, body in program.results()]
    return Counter((body["data"]["operation_id"], body["data"]["result"]) for body in bodies)


def test_pbx_does_every_request_at_the_third_attempt(clock: Callable[[float], None]) -> None:
    program = Pbx()
    attempts = []
    for _ in range(3):
        for request in REQUESTS:
            program.take(request)
        attempts.append(results(program))
    clock(OUTAGE_SECONDS + 1 + DAWDLES_SECONDS)

    done = sum((*attempts, results(program)), Counter[tuple[str, str]]())
    answered = {step for step, _ in attempts[0]}
    assert 0.85 * len(REQUESTS) < len(answered) < len(REQUESTS)
    assert {"done", "retry_later"} == {result for _, result in attempts[0]}
    assert 2 in attempts[0].values()
    assert {step for step, result in done if result == "done"} == {item.id for item in REQUESTS}


def test_requests_during_an_outage_are_lost(clock: Callable[[float], None]) -> None:
    clock(OUTAGE_EVERY_SECONDS + OUTAGE_SECONDS - 1)
    program = Pbx()
    program.take(REQUESTS[0])

    assert not results(program)


@pytest.mark.usefixtures("clock")
def test_pbx_acts_on_pending_activations_and_on_no_other_event() -> None:
    program = Pbx()
    for place in range(9):
        program.take(Note("events", "PENDING", f"a-{place}", "1", "+44", "activate"))
        program.take(Note("events", "PENDING", f"d-{place}", "1", "+44", "deactivate"))
        program.take(Note("events", "ACTIVE", f"e-{place}", "1", "+44", "activate"))

    steps = {step for step, _ in results(program)}
    assert steps
    assert all(step.startswith("a-") for step in steps)
