"""What is shown of a number, as plain values."""

from datetime import UTC, datetime, timedelta
from typing import Any

__all__ = ["NOON", "command", "number"]

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def number(status: str = "RESERVED", **parts: Any) -> dict[str, Any]:
    """A number of an account that has bought two services and uses one."""
    names = ("steps", "step_events", "unsent", "acts", "manual_logouts", "waiting_records")
    empty: dict[str, Any] = {
        name: [] for name in (*names, "dead_letters", "history", "waiting", "upcoming")
    }
    usage = {"limit": 2, "active": 1, "pending": 0}
    known = {"account_id": "acme", "pause": None, "commands_waiting": None}
    return {"status": status, **known, **usage, **empty, **parts}


def command(minute: int = 0, **columns: Any) -> dict[str, Any]:
    """A command of that account, decided and ended in this minute after noon; completed."""
    at = NOON + timedelta(minutes=minute)
    return {
        "received_at": at,
        "operation": "activate",
        "command_id": "command-1",
        "requested_by": "ann",
        "account_id": "acme",
        "outcome": "completed",
        "refusal": None,
        "failure": None,
        "detail": None,
        "ended_at": at,
        **columns,
    }
