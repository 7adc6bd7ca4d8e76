"""Shows a number with everything that explains its state, and what is under way or outstanding."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from worker.core.directory.change import WaitsFor
from worker.core.messages.explanations import AFTERMATHS, clock_time
from worker.explaining.devices import logged_in_at
from worker.explaining.directory import directory_version, why_missing
from worker.explaining.model import Shown
from worker.explaining.reading import (
    ONE_SNAPSHOT,
    read_missing,
    read_number,
    read_operations,
    read_pause,
    with_commands_waiting,
)
from worker.explaining.services import arithmetic
from worker.explaining.steps import step_name
from worker.explaining.why import asks_for_queues
from worker.operator.manual_logouts import how_it_stands
from worker.operator.waiting_commands import count_waiting_commands
from worker.runtime.counting import counted
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.partitions import load_partitions

__all__ = [
    "Pending",
    "render_missing",
    "render_number",
    "render_operation",
    "render_record",
    "show_missing",
    "show_number",
    "show_pending",
]

_WAITS_UNTIL: Final = {
    WaitsFor.END_OF_OPERATION: "when the operation ends",
    WaitsFor.NUMBER: "when the number is provisioned",
    WaitsFor.MAIN_NUMBER: "when the number is a main number",
}


async def show_number(settings: Settings, phone_number: str) -> Shown | None:
    """The number, as plain values; None if it is not provisioned."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction(ONE_SNAPSHOT) as session,
    ):
        shown = await read_number(session, phone_number, database.clock.now)
        layout = (await load_partitions(session)).layout
    if shown is None or not asks_for_queues(shown):
        return shown
    return with_commands_waiting(shown, await count_waiting_commands(settings, layout))


async def show_missing(settings: Settings, phone_number: str) -> Shown:
    """What is known of a number that is not provisioned."""
    async with open_database(settings.database_url) as database, database.session() as session:
        return await read_missing(session, phone_number)


class Pending(NamedTuple):
    """What is under way or outstanding, and why nothing may follow."""

    operations: Sequence[Shown]
    """The oldest first, each with what happens next."""
    pause: Shown | None
    """The pause of the intake; None while commands are taken."""


async def show_pending(settings: Settings) -> Pending:
    """The operations under way and the aftermaths, and whether the intake is paused."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction(ONE_SNAPSHOT) as session,
    ):
        operations = await read_operations(session, database.clock.now)
        return Pending(operations, await read_pause(session))


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


def render_missing(missing: Shown) -> str:
    """Why the number is not provisioned, and the records that wait for it."""
    shown = printable(missing)
    lines = [f"{shown['phone_number']} is not provisioned. {why_missing(shown)}"]
    lines += [f"waiting record  {render_record(row)}" for row in missing["waiting_records"]]
    return "\n".join(lines)


def render_number(shown: Shown) -> str:
    """The number as lines: its state, then the reasons for it, then its history."""
    shown = printable(shown)
    lines = [f"{shown['phone_number']}  {shown['status']}  (sequence {shown['sequence']})"]
    lines.append(f"  why             {_why(shown['why'])}")
    lines += [f"  {name:<15} {value}" for name, value in _facts(shown)]
    lines += [f"  {_under_way(operation)}" for operation in shown["waiting"]]
    lines += [f"  unpublished     {_unsent(message)}" for message in shown["unsent"]]
    lines += [f"  PBX step        {_step(row)}" for row in shown["steps"]]
    lines += [f"  manual logout   {_manual_logout(row)}" for row in shown["manual_logouts"]]
    lines += [f"  waiting record  {render_record(row)}" for row in shown["waiting_records"]]
    lines.append("  timeline")
    lines += [f"    {_entry(entry)}" for entry in shown["timeline"]] or ["    nothing"]
    return "\n".join(lines)


def _unsent(message: Shown) -> str:
    target = f" ({message['target']})" if message["target"] else ""
    attempts = counted(message["attempts"], "attempt")
    return (
        f"{message['message_type']} to {message['routing_key']}{target}, {attempts};"
        f" {message['last_error'] or 'no error yet'}"
    )


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
    return [
        ("account", shown["account_id"] or "none"),
        ("site", shown["site_id"]),
        ("directory", directory_version(shown)),
        ("extension", shown["extension"] or "none"),
        ("voice services", arithmetic(shown)),
        ("main number", "yes" if shown["main_number"] else "no"),
        ("assigned to", shown["assigned_to"] or "no one"),
        ("label", shown["label"] or "none"),
        ("PIN", "the default" if shown["pin_is_default"] else "changed"),
        ("features set", ", ".join(shown["features"]) or "none"),
        ("hunt groups", ", ".join(row["hunt_group_id"] for row in shown["hunt_groups"]) or "none"),
        ("logged in at", logged_in_at(shown)),
        *(("call settings", _call_settings(row)) for row in shown["call_settings"]),
    ]


def _call_settings(row: Shown) -> str:
    return (
        "in hours {in_hours}, out of hours {out_of_hours}, unanswered {unanswered};".format(**row)
        + f" hunt group {row['hunt_group_id'] or 'none'}"
    )


def _why(why: Shown) -> str:
    return ". ".join(filter(None, (why["headline"], why["detail"])))


def _entry(entry: Shown) -> str:
    by = f" by {entry['by']}" if entry["by"] else ""
    detail = f": {entry['detail']}" if entry["detail"] else ""
    reference = f"  ({entry['reference']})" if entry["reference"] else ""
    return f"{clock_time(entry['at'])}  {entry['what']}{by}{detail}{reference}"


def _step(row: Shown) -> str:
    result = f"; last result {row['last_result']}" if row["last_result"] else ""
    again = f"; to be asked again at {clock_time(row['again_at'])}" if row["again_at"] else ""
    return (
        f"{step_name(row)} {row['state']}, attempt {row['attempt']}, sent"
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
