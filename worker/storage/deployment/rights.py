"""The rights that a worker's role needs, checked before it begins."""

from typing import Final

from worker.runtime.mistakes import Mistake
from worker.storage.connecting.session import Session

__all__ = ["TABLES", "require_rights", "require_usage"]

TABLES: Final = (
    *("voice_services", "phone_numbers", "call_settings", "hunt_group_members", "handset_logins"),
    *("entitlement_usage", "commands", "operations", "pbx_steps", "resolutions"),
    *("outbox", "discarded_messages", "dead_letters", "poison_attempts"),
    *("partitioning", "leadership"),
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


async def require_usage(session: Session, table: str) -> None:
    """Raises `Mistake` if this table exists in a schema that the role may not use."""
    for row in await session.fetch("find_hidden_schemas", table=table):
        raise Mistake(
            f"The role {row['role']} lacks the right USAGE on the schema {row['schema']}. Grant it,"
            " as the operators' page lists."
        )
