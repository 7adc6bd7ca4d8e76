"""Shows a number with everything that explains its state, and what is under way or outstanding."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from worker.core.directory.change import WaitsFor
from worker.core.messages.explanations import AFTERMATHS, at_deadline, clock_time, explain
from worker.core.situation import Number
from worker.operator.intake import describe_pause
from worker.operator.manual_logouts import how_it_stands
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.intake import Pause
from worker.storage.loading import load_numbers_with_steps
from worker.storage.partitions import load_partitions

__all__ = [
    "render_number",
    "render_operation",
    "render_record",
    "show_number",
    "show_pending",
    "show_waiting_records",
]

Shown = Mapping[str, Any]

PARTS: Final = (
    "call_settings",
    "hunt_groups",
    "logins",
    "unsent",
    "steps",
    "manual_logouts",
    "acts",
    "waiting_records",
    "history",
)


_WAITS_UNTIL: Final = {
    WaitsFor.END_OF_OPERATION: "when the operation ends",
    WaitsFor.NUMBER: "when the number is provisioned",
    WaitsFor.MAIN_NUMBER: "when the number is a main number",
}


async def show_number(settings: Settings, phone_number: str) -> Shown | None:
    """The number, as plain values; None if it is not provisioned."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as session,
    ):
        now = database.clock.now()
        found = await session.fetch("show_number", phone_number=phone_number, today=now.date())
        if not found:
            return None
        shown: dict[str, Any] = dict(found[0])
        for part in PARTS:
            rows = await session.fetch(f"show_{part}", phone_number=phone_number)
            shown[part] = [dict(row) for row in rows]
        number = (await load_numbers_with_steps(session, [phone_number]))[phone_number]
        pause = (await load_partitions(session)).pause
    shown["waiting"] = [_waiting(number, now)] if number.ongoing else []
    shown["pause"] = pause._asdict() if pause else None
    return shown


async def show_waiting_records(settings: Settings, phone_number: str) -> Sequence[Shown]:
    """The records that wait for a number, also for one that is not provisioned."""
    async with (
        open_database(settings.database_url) as database,
        database.session() as session,
    ):
        rows = await session.fetch("show_waiting_records", phone_number=phone_number)
    return [dict(row) for row in rows]


async def show_pending(settings: Settings) -> Sequence[Shown]:
    """The operations under way and the aftermaths, oldest first, each with what happens next."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as session,
    ):
        found = await session.fetch("show_pending")
        phone_numbers = [row["phone_number"] for row in found]
        numbers = await load_numbers_with_steps(session, phone_numbers)
        now = database.clock.now()
    return [_waiting(numbers[phone_number], now) for phone_number in phone_numbers]


def _waiting(number: Number, now: datetime) -> Shown:
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


def render_operation(operation: Shown) -> str:
    """Two lines: the operation or its aftermath, and what it waits for."""
    operation = printable(operation)
    marks = (
        ("  NEEDS AN OPERATOR", operation["needs_a_person"]),
        ("  OVERDUE", operation["overdue"]),
        ("  AT RISK", operation["at_risk"]),
    )
    mark = next((text for text, applies in marks if applies), "")
    what = operation["operation"]
    if operation["aftermath"]:
        what = f"{what} has ended, {AFTERMATHS[operation['aftermath']]} outstanding"
    return (
        f"{operation['phone_number']}  {operation['status']}  {what} since"
        f" {clock_time(operation['since'])}{mark}\n    {operation['explanation']}"
    )


def render_number(shown: Shown) -> str:
    """The number as lines: its state, then the reasons for it, then its history."""
    shown = printable(shown)
    lines = [f"{shown['phone_number']}  {shown['status']}  (sequence {shown['sequence']})"]
    if shown["pause"]:
        pause = describe_pause(Pause(**shown["pause"]))
        lines.append(f"  intake          {pause}; commands wait until `activation-worker resume`")
    lines += [f"  {name:<15} {value}" for name, value in _facts(shown)]
    lines += [f"  {_under_way(operation)}" for operation in shown["waiting"]]
    for message in shown["unsent"]:
        lines.append(
            f"  unpublished     {message['message_type']} to {message['routing_key']},"
            f" {message['attempts']} attempts; {message['last_error'] or 'no error yet'}"
        )
    lines += [f"  PBX step        {_step(row)}" for row in shown["steps"]]
    lines += [f"  manual logout   {_manual_logout(row)}" for row in shown["manual_logouts"]]
    lines += [f"  decision        {_act(row)}" for row in shown["acts"]]
    lines += [f"  waiting record  {render_record(row)}" for row in shown["waiting_records"]]
    lines.append("  history")
    lines += [f"    {_history(command)}" for command in shown["history"]] or ["    none"]
    return "\n".join(lines)


def _under_way(operation: Shown) -> str:
    since = f"since {clock_time(operation['since'])}"
    what = operation["operation"]
    name = "under way"
    if operation["aftermath"]:
        name, what = "outstanding", f"{AFTERMATHS[operation['aftermath']]}"
    return (
        f"{name:<15} {what} {since}, command {operation['command_id']}. {operation['explanation']}"
    )


def _facts(shown: Shown) -> list[tuple[str, str]]:
    free = shown["limit"] - shown["active"] - shown["pending"]
    return [
        ("account", shown["account_id"] or "none"),
        ("site", shown["site_id"]),
        ("extension", shown["extension"] or "none"),
        (
            "voice services",
            "{limit} bought - {active} active - {pending} pending".format(**shown)
            + f" = {free} free",
        ),
        ("main number", "yes" if shown["main_number"] else "no"),
        ("assigned to", shown["assigned_to"] or "no one"),
        ("label", shown["label"] or "none"),
        ("PIN", "the default" if shown["pin_is_default"] else "changed"),
        ("features set", ", ".join(shown["features"]) or "none"),
        ("hunt groups", ", ".join(row["hunt_group_id"] for row in shown["hunt_groups"]) or "none"),
        (
            "logged in at",
            ", ".join(f"{row['device_id']} ({row['device_kind']})" for row in shown["logins"])
            or "no device",
        ),
        *(("call settings", _call_settings(row)) for row in shown["call_settings"]),
    ]


def _call_settings(row: Shown) -> str:
    return (
        "in hours {in_hours}, out of hours {out_of_hours}, unanswered {unanswered};".format(**row)
        + f" hunt group {row['hunt_group_id'] or 'none'}"
    )


def _history(command: Shown) -> str:
    decision = (
        f"{clock_time(command['received_at'])}  {command['operation']:<10} {command['outcome']}"
    )
    by = f" by {command['requested_by']}" if command["requested_by"] else ""
    ended = command["ended_at"]
    end = f" at {clock_time(ended)}" if ended and not command["refusal"] else ""
    code = command["refusal"] or command["failure"]
    reason = f"  {code}: {command['detail']}" if code else ""
    return f"{decision}{end}{by}  ({command['command_id']}){reason}"


def _step(row: Shown) -> str:
    result = f"; last result {row['last_result']}" if row["last_result"] else ""
    again = f"; asked again at {clock_time(row['again_at'])}" if row["again_at"] else ""
    return (
        f"{row['step']} {row['state']}, attempt {row['attempt']}, sent"
        f" {clock_time(row['sent_at'])}{result}{again}  ({row['operation_id']})"
    )


def _manual_logout(row: Shown) -> str:
    return f"{row['device_id']} ({row['device_kind']}) {how_it_stands(row)}"


def render_record(row: Shown) -> str:
    """A record that waits: what it states, since when it waits, and what for."""
    row = printable(row)
    what = "deletion of " if row["deleted"] else ""
    version = f" version {row['version']}" if row["version"] is not None else ""
    return (
        f"{what}{row['kind']}{version} since {clock_time(row['waiting_since'])}, applied"
        f" {_WAITS_UNTIL[row['waits_for']]}: {row['record']}"
    )


def _act(row: Shown) -> str:
    detail = f" {row['detail']}" if row["detail"] else ""
    return (
        f"{row['act']}{detail} by {row['decided_by']} at {clock_time(row['decided_at'])}:"
        f" {row['reason']}  ({row['item']})"
    )
