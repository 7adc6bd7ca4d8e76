"""The timeline of a number: pure functions over plain values."""

from datetime import timedelta
from typing import Any

import pytest

from tests.support.data.shown import NOON, command, number
from worker.explaining.model import timeline


def event(minute: int, kind: str, detail: str, step_id: str = "step-1") -> dict[str, Any]:
    return {
        "happened_at": NOON + timedelta(minutes=minute),
        "event": kind,
        "detail": detail,
        "step": "activation",
        "target": "",
        "operation_id": step_id,
    }


def test_a_timeline_goes_from_the_command_to_its_end() -> None:
    step = {
        "step": "activation",
        "target": "",
        "operation_id": "step-1",
        "state": "done",
        "requested_at": NOON,
        "sent_at": NOON,
        "ended_at": NOON + timedelta(minutes=3),
    }
    act = {
        "decided_at": NOON + timedelta(minutes=2),
        "act": "resolve",
        "detail": "retry",
        "decided_by": "Ada",
        "reason": "upgraded",
        "item": "command-1",
    }
    shown = number(
        "ACTIVE",
        history=[command(ended_at=NOON + timedelta(minutes=3))],
        steps=[step],
        step_events=[event(1, "result", "retry_later"), event(3, "result", "done")],
        acts=[act],
    )

    assert [(entry.what, entry.by) for entry in timeline(shown)] == [
        ("activate accepted, PENDING", "ann"),
        ("activation requested", None),
        ("activation published, a PBX must answer", None),
        ("activation: the PBX answers retry_later", None),
        ("resolve retry", "Ada"),
        ("activation done", None),
        ("activation: the PBX answers done", None),
        ("activate completed, ACTIVE", None),
    ]


def test_requests_that_were_only_repeated_are_one_entry_each() -> None:
    events = [
        event(minute, "asked-again", f"attempt {minute}", step_id)
        for minute in range(1, 6)
        for step_id in ("step-1", "step-2")
    ]
    shown = number(step_events=[*events, event(6, "result", "done"), event(7, "asked-again", "7")])

    found = [(entry.reference, entry.what, entry.detail) for entry in timeline(shown)]

    assert found == [
        ("step-1", "activation asked again, attempt 5", "since 2026-11-01 12:01:00 UTC"),
        ("step-2", "activation asked again, attempt 5", "since 2026-11-01 12:01:00 UTC"),
        ("step-1", "activation: the PBX answers done", ""),
        ("step-1", "activation asked again, 7", ""),
    ]


@pytest.mark.parametrize("state", ["open", "abandoned"])
def test_a_step_that_nothing_asks_for_any_more_reads_as_abandoned(state: str) -> None:
    ended_at = None if state == "open" else NOON
    step = {
        "step": "activation",
        "target": "",
        "operation_id": "step-1",
        "state": state,
        "requested_at": NOON,
        "sent_at": None,
        "ended_at": ended_at,
    }
    whats = [entry.what for entry in timeline(number(steps=[step]))]

    assert ("activation abandoned, nothing is asked any more" in whats) == (state == "abandoned")
