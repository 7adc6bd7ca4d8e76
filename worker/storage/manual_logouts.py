"""Manual logouts: the devices that people must log numbers out of, open until that is done."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from activation_contracts.messages import ManualLogoutRequiredData

from worker.storage.connecting.session import Session

__all__ = [
    "Device",
    "RequiredLogout",
    "close_manual_logouts",
    "open_manual_logouts",
]

Device = tuple[str, str]
"""A phone number, and a device at which it is or was logged in."""

SUPERSEDED_BY: Final = "worker"
SUPERSEDED: Final = "A later deactivation requires it again."


class RequiredLogout(NamedTuple):
    """A manual logout that a deactivation leaves to people."""

    command_source: str
    data: ManualLogoutRequiredData


async def open_manual_logouts(
    session: Session, required: Sequence[RequiredLogout], now: datetime
) -> None:
    """Stores these manual logouts as open; requires the locks of their numbers.

    A device has one open manual logout of a number at most: a later one supersedes it. The number
    was in use again in between, perhaps by another account, so what has to be done, for whom and
    since when, is what the later deactivation says.
    """
    if not required:
        return
    devices = [(data.phone_number, data.device_id) for _, data in required]
    await close_manual_logouts(session, devices, now, closed_by=SUPERSEDED_BY, reason=SUPERSEDED)
    await session.change_each(
        "open_manual_logouts",
        len(required),
        now=now,
        command_source=[item.command_source for item in required],
        **{name: [getattr(data, name) for _, data in required] for name in _COLUMNS},
    )


_COLUMNS: Final = (
    *("phone_number", "device_id", "device_kind", "extension", "account_id", "site_id"),
    "command_id",
)


async def close_manual_logouts(
    session: Session, devices: Collection[Device], now: datetime, *, closed_by: str, reason: str
) -> int:
    """Closes the open manual logouts of these numbers at these devices; returns how many.

    A device without an open one is passed over.
    """
    if not devices:
        return 0
    phone_numbers, device_ids = zip(*sorted(devices), strict=True)
    return await session.change(
        "close_manual_logouts",
        phone_numbers=list(phone_numbers),
        device_ids=list(device_ids),
        now=now,
        closed_by=closed_by,
        reason=reason,
    )
