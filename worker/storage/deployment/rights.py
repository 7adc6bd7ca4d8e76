"""The rights that a worker's role needs, checked before it begins."""

from typing import Final

from worker.runtime.mistakes import Mistake
from worker.storage.connecting.session import Session

__all__ = ["TABLES", "require_rights", "require_visible"]

TABLES: Final = (
    *("voice_services", "phone_numbers", "call_settings", "hunt_group_members", "handset_logins"),
    *("entitlement_usage", "commands", "operations", "pbx_steps", "resolutions"),
    *("manual_logouts", "acts", "act_items", "intake", "step_events", "dead_letter_log"),
    *("outbox", "discarded_messages", "dead_letters", "queued_dead_letters"),
    "poison_attempts",
    *("record_versions", "waiting_records", "deleted_numbers", "partitioning", "leadership"),
)
"""All tables of the schema: a worker selects from, inserts into, updates and deletes from each."""


async def require_rights(session: Session) -> None:
    """Raises `Mistake` if the role lacks a right on a table: no change may break off halfway."""
    missing = await session.fetch("find_missing_rights", tables=list(TABLES))
    if missing:
        rights = ", ".join(f"{row['privilege']} on {row['relation']}" for row in missing)
        raise Mistake(
            f"The role {missing[0]['role']} lacks rights that a worker needs: {rights}. Grant them,"
            " as the operators' page lists."
        )


async def require_visible(session: Session, table: str) -> None:
    """Raises `Mistake` if this table, which a query does not find, exists in some schema.

    A migration would make all tables a second time, empty, in the schema that the role does find.
    """
    for row in await session.fetch("find_hidden_schemas", table=table):
        if row["may_use"]:
            raise Mistake(
                f"The tables of the worker are in the schema {row['schema']}, which the role"
                f" {row['role']} does not search: its search_path is '{row['search_path']}'. Run"
                f" ALTER ROLE {row['role']} SET search_path = {row['schema']}."
            )
        raise Mistake(
            f"The role {row['role']} lacks the right USAGE on the schema {row['schema']}. Grant it,"
            " as the operators' page lists."
        )
