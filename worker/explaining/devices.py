"""At which devices a number is logged in, and at which it may still be. Pure."""

from collections.abc import Mapping
from typing import Any

__all__ = ["logged_in_at"]


def logged_in_at(shown: Mapping[str, Any]) -> str:
    """The known logins, and the devices that someone must still log out of by hand.

    A deactivation ends all logins here; a device that cannot be logged out remotely may not know.
    """
    logins = _named(shown["logins"])
    known = {login["device_id"] for login in shown["logins"]}
    open_logouts = [
        row
        for row in shown["manual_logouts"]
        if row["closed_at"] is None and row["device_id"] not in known
    ]
    if not open_logouts:
        return logins or "no device"
    unknown = f"{_named(open_logouts)} until someone logs it out by hand"
    return f"{logins}, and perhaps {unknown}" if logins else f"perhaps {unknown}"


def _named(rows: list[Mapping[str, Any]]) -> str:
    return ", ".join(f"{row['device_id']} ({row['device_kind']})" for row in rows)
