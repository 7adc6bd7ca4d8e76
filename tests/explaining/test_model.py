"""Why a number is as it is, and its timeline: pure functions over plain values."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from worker.explaining.model import Tone, timeline, verdict

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def number(status: str = "RESERVED", **parts: Any) -> dict[str, Any]:
    """A number of an account that has bought two services and uses one."""
    names = ("steps", "step_events", "unsent", "acts", "manual_logouts", "waiting_records")
    empty: dict[str, Any] = {
        name: [] for name in (*names, "dead_letters", "history", "waiting", "upcoming")
    }
    usage = {"limit": 2, "active": 1, "pending": 0}
    return {"status": status, "pause": None, **usage, **empty, **parts}


def command(minute: int = 0, **columns: Any) -> dict[str, Any]:
    at = NOON + timedelta(minutes=minute)
    return {
        "received_at": at,
        "operation": "activate",
        "command_id": "command-1",
        "requested_by": "ann",
        "outcome": "completed",
        "refusal": None,
        "failure": None,
        "detail": None,
        "ended_at": at,
        **columns,
    }


def event(minute: int, kind: str, detail: str, step_id: str = "step-1") -> dict[str, Any]:
    return {
        "happened_at": NOON + timedelta(minutes=minute),
        "event": kind,
        "detail": detail,
        "step": "activation",
        "target": "",
        "operation_id": step_id,
    }


REFUSED = command(
    outcome="rejected", refusal="NUMBER_ASSIGNED", detail="A person has it.", ended_at=NOON
)
FAILED = command(outcome="failed", failure="PBX_REFUSED", detail="The PBX said no.")
PAUSE = {"since": NOON, "by": "Ada", "why": "maintenance"}
UNDER_WAY = {
    "operation": "activate",
    "aftermath": None,
    "since": NOON,
    "overdue": False,
    "needs_a_person": False,
    "explanation": "It waits for activation.",
}
OUTSTANDING = {**UNDER_WAY, "aftermath": "compensation", "needs_a_person": True}
DEAD_LETTER = {
    "dead_lettered_at": NOON,
    "code": "NOT_JSON",
    "detail": "not JSON",
    "queue": "commands",
    "message_id": "message-1",
}


@pytest.mark.parametrize(
    ("shown", "tone", "words"),
    [
        (number(), Tone.WAITING, "has received no command for it"),
        (number(dead_letters=[DEAD_LETTER]), Tone.WAITING, "NOT_JSON: not JSON"),
        (number(history=[REFUSED]), Tone.BAD, "was refused, NUMBER_ASSIGNED. A person has it."),
        (number(history=[FAILED]), Tone.BAD, "its last activate failed, PBX_REFUSED. The PBX said"),
        (number(history=[FAILED], active=2), Tone.BAD, "No voice service is free"),
        (
            number(history=[FAILED], active=2, upcoming=[{"at": NOON, "begin": 3, "end": 0}]),
            Tone.BAD,
            "Of its services, 3 begin at 2026-11-01 12:00:00 UTC.",
        ),
        (
            number(history=[command(operation="deactivate")]),
            Tone.PLAIN,
            "deactivated at 2026-11-01 12:00:00 UTC, requested by ann",
        ),
        (number("AVAILABLE"), Tone.PLAIN, "no account holds it"),
        (number("COOLDOWN"), Tone.PLAIN, "it rests"),
        (number("ACTIVE", history=[command()]), Tone.GOOD, "ACTIVE since 2026-11-01 12:00:00 UTC"),
        (number("PENDING", waiting=[UNDER_WAY]), Tone.WAITING, "it is being activated"),
        (number("PENDING", waiting=[{**UNDER_WAY, "overdue": True}]), Tone.BAD, "being activated"),
        (number(pause=PAUSE), Tone.WAITING, "The intake is paused"),
    ],
)
def test_the_verdict_says_why_a_number_is_as_it_is(
    shown: dict[str, Any], tone: Tone, words: str
) -> None:
    found = verdict(shown)

    assert found.tone == tone
    assert words in f"{found.headline}. {found.detail}"


def test_an_ended_operation_never_reads_as_under_way() -> None:
    shown = number(history=[FAILED], waiting=[OUTSTANDING])

    found = verdict(shown)

    assert found.headline == "Not active: its last activate failed, PBX_REFUSED"
    assert "The reset after the failed activation is outstanding" in found.detail
    assert "being" not in found.headline


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
