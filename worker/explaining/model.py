"""What explains a number: what it waits for, and its timeline. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from enum import StrEnum, unique
from typing import Any, Final, NamedTuple

from worker.core.messages.explanations import at_deadline, clock_time, explain
from worker.core.situation import Number
from worker.explaining.steps import step_name
from worker.runtime.counting import counted

__all__ = [
    "Entry",
    "Shown",
    "Tone",
    "timeline",
    "waiting_of",
]

ASKED_AGAIN: Final = "asked again"

Shown = Mapping[str, Any]
"""Plain values by name, as the queries and the functions of this module return them."""


@unique
class Tone(StrEnum):
    """How an entry or a verdict is meant."""

    PLAIN = "plain"
    GOOD = "good"
    WAITING = "waiting"
    BAD = "bad"
    PERSON = "person"


class Entry(NamedTuple):
    """Something that happened to a number."""

    at: datetime
    tone: Tone
    what: str
    detail: str
    by: str | None = None
    """Who asked for it, or decided it."""
    reference: str | None = None
    """The id of the command, the message or the step."""


def waiting_of(number: Number, now: datetime) -> Shown:
    """What the operation of the number, or its aftermath, waits for, and what happens next."""
    ongoing = number.ongoing
    if ongoing is None:
        return {"phone_number": number.phone_number, "status": number.status}
    # An operation that has ended is not late.
    is_under_way = ongoing.aftermath is None
    return {
        "phone_number": number.phone_number,
        "status": number.status,
        "operation": ongoing.operation,
        "command_id": ongoing.command_id,
        "requested_by": ongoing.requested_by,
        "aftermath": ongoing.aftermath,
        "since": ongoing.since,
        "at_risk": is_under_way and ongoing.at_risk_at <= now,
        "deadline": None if ongoing.joins_hunt_group else ongoing.deadline,
        "overdue": is_under_way and ongoing.deadline <= now,
        "needs_a_person": ongoing.failure is not None,
        "awaiting": [step.as_contract().model_dump(mode="json") for step in ongoing.open_steps],
        "at_deadline": at_deadline(ongoing.operation) if is_under_way else None,
        "explanation": explain(number.status, ongoing),
    }


def timeline(shown: Shown) -> list[Entry]:
    """Everything that is known to have happened to the number, the oldest first."""
    entries = [
        entry for part, entries_of in _ENTRIES for row in shown[part] for entry in entries_of(row)
    ]
    # Of the same moment, what a command led to stands behind it and before its end.
    return _without_repeats(sorted(entries, key=lambda entry: entry.at))


def _without_repeats(entries: Iterable[Entry]) -> list[Entry]:
    """Of requests that were only repeated, the last: a silent PBX is asked for hours."""
    found: list[Entry] = []
    asked: dict[str | None, Entry] = {}
    for entry in entries:
        if ASKED_AGAIN not in entry.what:
            asked.clear()
        elif before := asked.get(entry.reference):
            found.remove(before)
            first = before.detail or f"since {clock_time(before.at)}"
            asked[entry.reference] = entry._replace(detail=first)
        else:
            asked[entry.reference] = entry
        found.append(asked.get(entry.reference, entry) if asked else entry)
    return found


def _of_decision(row: Shown) -> Iterator[Entry]:
    name, by, identifier = row["operation"], row["requested_by"], row["command_id"]
    if row["refusal"]:
        what = f"{name} refused, {row['refusal']}"
        yield Entry(row["received_at"], Tone.BAD, what, row["detail"] or "", by, identifier)
    else:
        what = f"{name} accepted, PENDING"
        yield Entry(row["received_at"], Tone.PLAIN, what, "", by, identifier)


def _of_end(row: Shown) -> Iterator[Entry]:
    name, at, identifier = row["operation"], row["ended_at"], row["command_id"]
    if at is None or row["refusal"]:
        return
    if row["failure"]:
        what = f"{name} failed, {row['failure']}"
        yield Entry(at, Tone.BAD, what, row["detail"] or "", None, identifier)
    else:
        status = "ACTIVE" if name == "activate" else "RESERVED"
        yield Entry(at, Tone.GOOD, f"{name} completed, {status}", "", None, identifier)


def _of_step(row: Shown) -> Iterator[Entry]:
    step, identifier = step_name(row), row["operation_id"]
    yield Entry(row["requested_at"], Tone.PLAIN, f"{step} requested", "", None, identifier)
    if row["sent_at"]:
        what = f"{step} published, a PBX must answer"
        yield Entry(row["sent_at"], Tone.PLAIN, what, "", None, identifier)
    if row["ended_at"] is None:
        return
    if row["state"] == "done":
        yield Entry(row["ended_at"], Tone.GOOD, f"{step} done", "", None, identifier)
    elif row["state"] == "failed":
        detail = f"{row['failure_code']}: {row['failure_detail']}"
        yield Entry(row["ended_at"], Tone.BAD, f"{step} failed", detail, None, identifier)
    else:
        what = f"{step} abandoned, nothing is asked any more"
        yield Entry(row["ended_at"], Tone.PLAIN, what, "", None, identifier)


def _of_step_event(row: Shown) -> Iterator[Entry]:
    if row["event"] == "result":
        what, tone = f"{step_name(row)}: the PBX answers {row['detail']}", Tone.PLAIN
    else:
        what, tone = f"{step_name(row)} {ASKED_AGAIN}, {row['detail']}", Tone.WAITING
    yield Entry(row["happened_at"], tone, what, "", None, row["operation_id"])


def _of_unsent(row: Shown) -> Iterator[Entry]:
    what = f"{row['message_type']} waits for the broker"
    if row["last_error"]:
        attempts = f"{counted(row['attempts'], 'attempt')}, {row['last_error']}"
        yield Entry(row["decided_at"], Tone.BAD, what, attempts, None, row["message_id"])
    else:
        yield Entry(row["decided_at"], Tone.WAITING, what, "", None, row["message_id"])


def _of_act(row: Shown) -> Iterator[Entry]:
    if row["act"] == "close-manual-logout":
        # The manual logout says the same.
        return
    what = " ".join(filter(None, (row["act"], row["detail"])))
    yield Entry(row["decided_at"], Tone.PERSON, what, row["reason"], row["decided_by"], row["item"])


def _of_manual_logout(row: Shown) -> Iterator[Entry]:
    device = f"{row['device_id']} ({row['device_kind']})"
    what = f"someone must log out of {device}"
    yield Entry(row["required_at"], Tone.WAITING, what, "", None, row["command_id"])
    if row["closed_at"]:
        what = f"manual logout of {device} closed"
        by, reason = row["closed_by"], row["reason"]
        yield Entry(row["closed_at"], Tone.PERSON, what, reason, by, row["command_id"])


def _of_waiting_record(row: Shown) -> Iterator[Entry]:
    what = f"the platform's {row['kind']} waits"
    yield Entry(row["waiting_since"], Tone.WAITING, what, "", None, row["message_id"])


def _of_dead_letter(row: Shown) -> Iterator[Entry]:
    what = f"a message could not be handled, {row['code']}"
    detail = f"{row['detail']} (in {row['queue']})"
    yield Entry(row["dead_lettered_at"], Tone.BAD, what, detail, None, row["message_id"])


_ENTRIES: Final = (
    ("history", _of_decision),
    ("steps", _of_step),
    ("step_events", _of_step_event),
    ("unsent", _of_unsent),
    ("acts", _of_act),
    ("manual_logouts", _of_manual_logout),
    ("waiting_records", _of_waiting_record),
    ("dead_letters", _of_dead_letter),
    ("history", _of_end),
)
