"""Notes of deliveries: what the verdict needs of each, one line per delivery."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import blake2b
from typing import Any, NamedTuple

from pydantic_core import from_json

STATUSES = frozenset({"PENDING", "ACTIVE", "RESERVED", "AVAILABLE", "COOLDOWN"})
REJECTED = "rejected"
FAILED = "failed"
DELAYED = "delayed"
AFTERMATH = "aftermath"
MANUAL_LOGOUT = "manual_logout"
EXCEEDED, RESTORED = "exceeded", "restored"
LOGOUT = "logout"
RESET = "reset"
ADD, REMOVE = "add", "remove"
UNREADABLE = "unreadable"
BROKEN = "broken"
"""A message that breaks the contracts."""
CONFLICT = "conflict"

ACTIVATE, DIRECTORY = "activate", "directory"
"""What changed a status, beside `deactivate`."""
DONE, SUPERSEDED, OUTSTANDING = "done", "superseded", "outstanding"
"""States of an aftermath."""

KINDS = {
    "telephony.phone_number.command_rejected.v1": REJECTED,
    "telephony.phone_number.operation_delayed.v1": DELAYED,
    "telephony.phone_number.operation_failed.v1": FAILED,
    "telephony.phone_number.aftermath.v1": AFTERMATH,
    "telephony.handset.manual_logout_required.v1": MANUAL_LOGOUT,
    "telephony.account.entitlement_exceeded.v1": EXCEEDED,
    "telephony.account.entitlement_restored.v1": RESTORED,
    "telephony.directory.conflict.v1": CONFLICT,
    "telephony.handset.logout.v1": LOGOUT,
    "telephony.extension.reset.v1": RESET,
}


class Note(NamedTuple):
    """One delivery, as far as the verdict needs it."""

    place: str
    """The queue that delivered it."""
    kind: str
    """A status, or another constant of this module."""
    id: str
    command_id: str
    """Of an event about an account: the id of the message that led to it."""
    phone_number: str
    """Of an event about an account: the account and site."""
    about: str = ""
    """The operation that changed a status, the state of an aftermath, the code of a refusal or
    conflict, the device, or the hunt group."""
    sequence: int = 0
    limit: int = -1
    """The limit of the entitlement; negative if the message has none."""
    used: int = 0
    digest: str = ""
    """The digest of the body."""
    redelivered: bool = False


def note_of(place: str, body: bytes, *, redelivered: bool) -> Note:
    """The note of a message. Raises LookupError, TypeError or ValueError for any other body."""
    event: Any = from_json(body)
    data = event["data"]
    kind = KINDS.get(event["type"]) or data.get("status") or data["action"]
    entitlement = data.get("entitlement")
    return Note(
        place=place,
        kind=kind,
        id=event["id"],
        command_id=data.get("command_id") or event["causationid"],
        phone_number=data.get("phone_number") or event["subject"],
        about=data.get("operation", "") if kind in STATUSES else _about(data),
        sequence=data.get("sequence", 0),
        limit=entitlement["limit"] if entitlement else -1,
        used=entitlement["active"] + entitlement["pending"] if entitlement else 0,
        digest=blake2b(body, digest_size=8).hexdigest(),
        redelivered=redelivered,
    )


def _about(data: Mapping[str, str]) -> str:
    given = (data.get(name) for name in ("state", "code", "device_id", "hunt_group_id"))
    return next(filter(None, given), "")


def is_outcome(note: Note) -> bool:
    """Whether it is the outcome of a command."""
    ends = {"ACTIVE", "RESERVED", REJECTED, FAILED}
    return note.kind in ends and note.about != DIRECTORY


def line_of(note: Note) -> str:
    """The note as a line of tab-separated fields."""
    return "\t".join(map(str, (*note[:-1], int(note.redelivered)))) + "\n"


def read(lines: Iterable[str]) -> Iterator[Note]:
    """The notes in these lines. Raises ValueError for a malformed line."""
    for line in lines:
        *words, sequence, limit, used, digest, redelivered = line.rstrip("\n").split("\t")
        place, kind, identifier, command, number, about = words
        yield Note(
            *(place, kind, identifier, command, number, about),
            *(int(sequence), int(limit), int(used), digest),
            redelivered=redelivered == "1",
        )
