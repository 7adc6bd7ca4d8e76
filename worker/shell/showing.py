"""Why is this number as it is? Everything that is known of one, in one look."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from worker.shell.database.engine import open_database
from worker.shell.database.statements import statement
from worker.shell.settings import Settings

__all__ = ["in_words", "operation_in_words", "show_number", "show_pending"]

Shown = Mapping[str, Any]

PARTS: Final = ("operation", "call_settings", "hunt_groups", "logins", "unsent", "history")


async def show_number(settings: Settings, phone_number: str) -> Shown | None:
    """All of it, as plain values; None where the number is not provisioned."""
    parameters = {"phone_number": phone_number}
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as connection,
    ):
        found = await connection.execute(
            statement("show_number"), {**parameters, "today": datetime.now(UTC).date()}
        )
        number = found.mappings().one_or_none()
        if number is None:
            return None
        shown: dict[str, Any] = dict(number)
        for part in PARTS:
            found = await connection.execute(statement(f"show_{part}"), parameters)
            shown[part] = [dict(row) for row in found.mappings()]
    return shown


async def show_pending(settings: Settings) -> Sequence[Shown]:
    """The operations under way, oldest first, each with what it still has to say."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as connection,
    ):
        found = await connection.execute(statement("show_pending"), {"now": datetime.now(UTC)})
        return [dict(row) for row in found.mappings()]


def operation_in_words(operation: Shown) -> str:
    """A line for people, and a second one where something is in the way."""
    late = "  OVERDUE" if operation["overdue"] else ""
    line = (
        f"{operation['phone_number']}  {operation['operation']:<10} since"
        f" {_moment(operation['since'])}, due by {_moment(operation['deadline'])}{late};"
        f" {operation['unsent']} messages not yet sent"
    )
    return f"{line}\n    {operation['last_error']}" if operation["last_error"] else line


def in_words(shown: Shown) -> str:
    """The same for people: the state first, then why, then how it came to be."""
    lines = [f"{shown['phone_number']}  {shown['status']}  (sequence {shown['sequence']})"]
    lines += [f"  {name:<15} {value}" for name, value in _facts(shown)]
    for operation in shown["operation"]:
        lines.append(
            f"  under way       {operation['operation']} since {_moment(operation['since'])},"
            f" due by {_moment(operation['deadline'])}, command {operation['command_id']}"
        )
    for message in shown["unsent"]:
        lines.append(
            f"  not yet sent    {message['message_type']} to {message['routing_key']},"
            f" {message['attempts']} attempts; {message['last_error'] or 'no error yet'}"
        )
    lines.append("  history")
    lines += [f"    {_history(command)}" for command in shown["history"]] or ["    none"]
    return "\n".join(lines)


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
        ("assigned to", shown["assigned_to"] or "nobody"),
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
    asked = f"{_moment(command['received_at'])}  {command['operation']:<10} {command['outcome']}"
    by = f" by {command['requested_by']}" if command["requested_by"] else ""
    refusal = f"  {command['refusal']}: {command['detail']}" if command["refusal"] else ""
    return f"{asked}{by}  ({command['command_id']}){refusal}"


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
