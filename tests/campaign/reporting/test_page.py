"""The page shows the contents of the report, and loads nothing."""

from typing import Any

from tests.campaign.planning.schedule import SIZES, tracks
from tests.campaign.reporting.page import page

REPORT: dict[str, Any] = {
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
    "findings": {"lost": {"meaning": "without an outcome", "count": 1, "examples": ["<0000007>"]}},
    "worker_troubles": ["worker-0 ended by itself with 1: <traceback>"],
    "recovery_seconds": {
        "worker killed (leader)": {"count": 1, "p50": 0.5, "p95": 0.5, "p99": 0.5, "max": 0.5}
    },
    "incidents": [
        {
            "fault": "worker killed",
            "track": "kills",
            "began": 4.0,
            "ended": 4.0,
            "detail": "leader",
            "recovered_seconds": 0.5,
        },
        {
            "fault": "broker killed",
            "track": "broker",
            "began": 9.0,
            "ended": 13.0,
            "detail": "kill -9",
            "recovered_seconds": None,
        },
    ],
    "samples": [{"seconds": float(second), "answered": second * 50} for second in range(21)],
}


def test_page_shows_verdict_reasons_and_figures() -> None:
    shown = page(REPORT)

    for words in (
        "BAD",
        "1 lost",
        "RabbitMQ 3.10.8",
        "1,000 commands",
        "without an outcome",
        "0.5",
    ):
        assert words in shown


def test_timeline_marks_each_incident() -> None:
    shown = page(REPORT)

    assert shown.count("<rect") == len(REPORT["incidents"])
    assert "worker killed at 4.0 s: leader; recovered after 0.50 s" in shown


def test_timeline_has_a_place_for_each_track() -> None:
    for track in tracks(7, SIZES["full"].faults):
        incident = {**REPORT["incidents"][0], "track": track}
        assert page({**REPORT, "incidents": [incident]}).count("<rect") == 1


def test_page_escapes_the_contents_of_messages_and_logs() -> None:
    shown = page(REPORT)

    assert "&lt;0000007&gt;" in shown
    assert "&lt;traceback&gt;" in shown


def test_page_loads_nothing() -> None:
    assert "http" not in page(REPORT)
    assert "<script" not in page(REPORT)


def test_campaign_without_incidents_has_a_page() -> None:
    nothing = {**REPORT, "incidents": [], "samples": [], "recovery_seconds": {}}

    assert "BAD" in page(nothing)
