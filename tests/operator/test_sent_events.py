"""How `send` prints the events that follow from a command."""

from typing import Any

from activation_contracts.envelope import WORKER_SOURCE
from activation_contracts.messages import CommandRejected, StatusChanged

from worker.operator.sent_events import TYPES, render

NUMBER = "+442079460001"


def event(kind: type, **data: Any) -> dict[str, Any]:
    envelope = {"id": "event-1", "source": WORKER_SOURCE, "type": TYPES[kind]}
    return {**envelope, "data": {"phone_number": NUMBER, **data}}


def usage(active: int, pending: int = 0) -> dict[str, int]:
    return {"limit": active + pending, "active": active, "pending": pending}


def test_pending_says_what_it_waits_for_and_what_happens_at_the_deadline() -> None:
    awaiting = [
        {"step": "activation", "waits_for": "result"},
        {"step": "extension_reset", "waits_for": "confirm"},
    ]
    pending = event(
        StatusChanged,
        status="PENDING",
        sequence=1,
        entitlement=usage(0, 1),
        awaiting=awaiting,
        deadline="2026-11-30T13:05:00+01:00",
        at_deadline="back_to_reserved",
    )

    assert render(pending).splitlines()[1:] == [
        (
            "          waits for activation (the PBX), extension_reset (the broker) until"
            " 2026-11-30 12:05:00 UTC; then the number goes back to RESERVED"
        )
    ]


def refusal(listed: int, used: dict[str, int]) -> list[str]:
    holders = [
        {"phone_number": f"+4420794600{place:02}", "status": "ACTIVE"} for place in range(listed)
    ]
    words = {"code": "ENTITLEMENT_EXHAUSTED", "message": "No voice service is free."}
    return render(event(CommandRejected, **words, holders=holders, entitlement=used)).splitlines()


def test_a_refusal_says_how_many_holders_it_does_not_list() -> None:
    lines = refusal(20, usage(1_199, 1))

    assert lines[20] == "          in use: +442079460019 ACTIVE"
    assert lines[21] == "          in use: 1,180 more numbers of the account at the site"


def test_a_refusal_that_lists_all_holders_says_no_more() -> None:
    assert refusal(2, usage(2))[1:] == [
        "          in use: +442079460000 ACTIVE",
        "          in use: +442079460001 ACTIVE",
    ]
