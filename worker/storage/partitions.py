"""Reads and changes the layout of the partitions in the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from worker.core.operations.due import AT_ONCE
from worker.core.partitions import ROUTER, Layout, assignments, partition_of
from worker.storage.connecting.errors import DatabaseUnavailable
from worker.storage.connecting.session import Row, Session
from worker.storage.deployment.preflight import NotReady
from worker.storage.intake import Pause

__all__ = [
    "LONG_AGO",
    "PartitionState",
    "begin_repartition",
    "finish_repartition",
    "load_partitions",
    "record_results_read",
]

LONG_AGO: Final = AT_ONCE
"""No PBX results are counted yet: only operations that are due at once may advance."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The layout of the partitions, and an unfinished change of it."""

    layout: Layout
    target: int | None
    """The number of partitions after the unfinished change; None if no change is unfinished."""
    results_read_until: datetime
    """The moment up to which the router's worker has counted PBX results."""
    now: datetime
    """The database's time."""
    pause: Pause | None
    """The pause of the intake; None while commands are taken."""

    def require_finished(self) -> None:
        """Raises `NotReady` if a change is unfinished."""
        if self.target is not None:
            raise NotReady(
                f"A change from {self.layout.partitions} to {self.target} partitions was"
                " interrupted, and no worker can serve before it is finished: run"
                f" `activation-worker partitions {self.target}`."
            )


async def load_partitions(session: Session) -> PartitionState:
    """The current state of the partitions."""
    rows = await session.fetch("load_partitioning")
    if not rows:
        raise DatabaseUnavailable(
            "the table partitioning has no row: the database may just be being restored"
        )
    row = rows[0]
    layout = Layout(row["partitions"], row["routed"])
    read_until = row["results_read_until"] or LONG_AGO
    pause = Pause(row["paused_at"], row["paused_by"], row["pause_reason"])
    return PartitionState(
        layout, row["target"], read_until, row["now"], pause if pause.since else None
    )


async def record_results_read(session: Session, now: datetime) -> None:
    """Records that all PBX results up to this moment are counted."""
    await session.change("record_results_read", partition=ROUTER, now=now)


async def begin_repartition(session: Session, target: int) -> None:
    """Records the target before the change moves anything, so that a repeat can finish it."""
    await session.change("begin_repartition", target=target)


async def finish_repartition(session: Session, layout: Layout) -> None:
    """Ends all terms, relabels messages and operations, and makes this the current layout.

    Call it in a transaction. Waits up to one second for transactions of former leaders, and then
    terminates their sessions; PostgreSQL refuses their later transactions.
    """
    await session.fetch("lock_layout")
    await session.change("end_terms")
    numbers = [assignment.partition for assignment in assignments(layout)]
    await session.change("open_assignments", partitions=numbers)
    await _relabel(session, layout.partitions)
    await session.change("finish_repartition", partitions=layout.partitions, routed=layout.routed)


async def _relabel(session: Session, partitions: int) -> None:
    found = await session.fetch("find_subjects_under_way")
    labels = {
        "subject": [row["subject"] for row in found],
        "partition": [partition_of(_partition_key_of(row), partitions) for row in found],
    }
    for name in ("relabel_outbox", "relabel_operations"):
        await session.change(name, **labels)


def _partition_key_of(row: Row) -> str:
    if row["site_id"] is None:
        # The subject of a message about an account at a site is its partition key; a number that
        # was deleted has no later message that could overtake.
        return str(row["subject"])
    return f"{row['account_id'] or ''}/{row['site_id']}"
