"""The page shows what the report tells, and needs nothing from elsewhere."""

from typing import Any

from tests.campaign.page import page

TOLD: dict[str, Any] = {
    "verdict": "BAD",
    "reasons": ["1 lost"],
    "seed": 7,
    "ended": "2026-11-24T09:00:00+00:00",
    "machine": {"system": "Linux", "python": "3.11.7", "processors": 2},
    "versions": {"RabbitMQ": "3.10.8", "PostgreSQL": "15.18"},
    "seconds": 20.0,
    "counts": {"answered": 1000},
    "commands_a_second": 50.0,
    "faults": {"worker killed": 1},
    "outcomes": {"ACTIVE": 9},
    "deliveries": {"events": 18},
    "findings": {"lost": {"meaning": "never heard of", "count": 1, "examples": ["<0000007>"]}},
    "worker_troubles": ["worker-0 ended by itself with 1: <traceback>"],
    "recovery_seconds": {
        "worker killed (leader)": {"count": 1, "p50": 0.5, "p95": 0.5, "p99": 0.5, "max": 0.5}
    },
    "incidents": [
        {
            "fault": "worker killed",
            "lane": "kills",
            "began": 4.0,
            "ended": 4.0,
            "detail": "leader",
            "recovered_seconds": 0.5,
        },
        {
            "fault": "broker killed",
            "lane": "broker",
            "began": 9.0,
            "ended": 13.0,
            "detail": "kill -9",
            "recovered_seconds": None,
        },
    ],
    "samples": [{"seconds": float(second), "answered": second * 50} for second in range(21)],
}


def test_the_page_tells_word_reasons_and_figures() -> None:
    shown = page(TOLD)

    for words in ("BAD", "1 lost", "RabbitMQ 3.10.8", "1,000 commands", "never heard of", "0.5"):
        assert words in shown


def test_each_incident_has_its_mark_on_the_timeline() -> None:
    shown = page(TOLD)

    assert shown.count("<rect") == len(TOLD["incidents"])
    assert "worker killed at 4.0 s: leader; went on after 0.50 s" in shown


def test_what_was_heard_is_shown_and_not_run() -> None:
    shown = page(TOLD)

    assert "&lt;0000007&gt;" in shown
    assert "&lt;traceback&gt;" in shown


def test_nothing_is_loaded() -> None:
    assert "http" not in page(TOLD)
    assert "<script" not in page(TOLD)


def test_a_campaign_in_which_nothing_happened_has_a_page() -> None:
    nothing = {**TOLD, "incidents": [], "samples": [], "recovery_seconds": {}}

    assert "BAD" in page(nothing)
