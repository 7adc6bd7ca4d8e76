"""Checks what the server's settings promise: some end a start, some an operator must know."""

from collections.abc import Iterator, Sequence
from typing import Final

from worker.storage.connecting.session import Row, Session
from worker.storage.deployment.rights import TABLES

__all__ = [
    "NEWEST_TESTED_VERSION",
    "OLDEST_VERSION",
    "UnsafeServer",
    "dangers_of",
    "require_durable",
    "require_version",
    "risks_of",
]

OLDEST_VERSION: Final = 15
"""The major version of PostgreSQL that the tests run with on the older system."""
NEWEST_TESTED_VERSION: Final = 17

WITHOUT_STANDBY: Final = frozenset({"off", "local"})
"""Values of `synchronous_commit` with which a commit waits for no standby."""


class UnsafeServer(Exception):
    """What the worker acknowledges could be lost here, or be wrong; the text says what to do."""


def require_version(found: int) -> None:
    """Raises `UnsafeServer` if this major version of PostgreSQL is too old."""
    if found < OLDEST_VERSION:
        raise UnsafeServer(
            f"PostgreSQL {found} is older than {OLDEST_VERSION}, the oldest that this release is"
            f" tested with: upgrade the server, at most to {NEWEST_TESTED_VERSION}."
        )


async def require_durable(session: Session) -> Sequence[str]:
    """Returns what an operator must know of the server, each with a remedy.

    Raises `UnsafeServer` for the settings under which the worker could not keep what it promises:
    that what it acknowledges is stored for good, and that no account exceeds what it bought.
    """
    require_version(session.driver.get_server_version().major)
    (state,) = await session.fetch("find_durability", tables=list(TABLES))
    if dangers := [*dangers_of(state)]:
        raise UnsafeServer(" ".join(dangers))
    return [*risks_of(state)]


def dangers_of(state: Row) -> Iterator[str]:
    """The sentences about a row of `find_durability` that end a start."""
    if state["fsync"] == "off":
        yield (
            "fsync is off: a crash of the server could lose or damage commands that were"
            " acknowledged. Set fsync = on in postgresql.conf and reload it."
        )
    if state["synchronous_commit"] == "off":
        yield (
            "synchronous_commit is off: a commit could be lost after its command was"
            " acknowledged. Set it to on for this role."
        )
    if state["unlogged_tables"]:
        yield (
            f"A crash of the server empties unlogged tables: {_listed(state['unlogged_tables'])}."
            " Run ALTER TABLE ... SET LOGGED for each."
        )
    if state["tables_without_triggers"]:
        yield (
            "Triggers count what each account uses, and are disabled on"
            f" {_listed(state['tables_without_triggers'])}. Stop the workers, run ALTER TABLE ..."
            " ENABLE TRIGGER ALL for each, and correct entitlement_usage."
        )
    if state["session_replication_role"] == "replica":
        yield (
            "session_replication_role is replica, so the triggers that count what each account uses"
            " do not run. Reset it for this role and database."
        )


def risks_of(state: Row) -> Iterator[str]:
    """The sentences about a row of `find_durability` that end no start."""
    if state["version"] > NEWEST_TESTED_VERSION:
        yield (
            f"PostgreSQL {state['version']} is newer than {NEWEST_TESTED_VERSION}, the newest that"
            " this release is tested with: try it outside production first."
        )
    if state["full_page_writes"] == "off":
        yield (
            "full_page_writes is off: a crash damages pages unless the file system writes each as a"
            " whole, as ZFS does. On another one set full_page_writes = on and reload."
        )
    yield from _replication_risks(state)
    if not state["may_import"]:
        yield (
            "This role may not create temporary tables, which `import` and `reconcile` need: GRANT"
            " TEMPORARY ON DATABASE to it, if it is to run them."
        )
    if not state["may_end_sessions"]:
        yield (
            "This role may not end its own sessions: a takeover from a frozen worker takes half a"
            " minute instead of seconds. GRANT EXECUTE ON FUNCTION pg_terminate_backend to it."
        )


def _replication_risks(state: Row) -> Iterator[str]:
    if state["standby_names"]:
        if state["synchronous_commit"] in WITHOUT_STANDBY:
            yield (
                f"synchronous_commit is {state['synchronous_commit']}: commits do not wait for the"
                " synchronous standby, and a failover could lose them. Set it to on for this role."
            )
        elif not state["standbys"]:
            yield (
                f"No synchronous standby is connected ({state['standby_names']}): commits wait for"
                " one, and no command is decided. Start the standby, or clear"
                " synchronous_standby_names and reload, which gives up the second copy."
            )
    if state["lost_slots"]:
        yield (
            f"The standby of a replication slot has lost its place: {_listed(state['lost_slots'])}."
            " It cannot catch up. Make it anew, and raise max_slot_wal_keep_size."
        )
    if state["idle_slots"] and state["keeps_all_wal"]:
        yield (
            "A replication slot without a reader keeps WAL without limit, until the disk is full:"
            f" {_listed(state['idle_slots'])}. Start its reader, drop the slot, or set"
            " max_slot_wal_keep_size."
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
