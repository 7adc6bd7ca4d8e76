"""The layout of the partitions, and what a change of it does in the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from worker.core.due import AT_ONCE
from worker.core.partitions import ROUTER, Layout, assignments, partition_of
from worker.storage.preflight import NotReady
from worker.storage.session import Row, Session

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
    """The layout, and what goes with it."""

    layout: Layout
    target: int | None
    """The number of partitions that an unfinished change leads to."""
    results_read_until: datetime
    """Until when the router's worker has counted the results of PBX systems."""

    def require_finished(self) -> None:
        """Raises `NotReady` where a change was begun and not finished."""
        if self.target is not None:
            raise NotReady(
                f"A change from {self.layout.partitions} to {self.target} partitions was"
                " interrupted, and no worker can serve before it is finished: run"
                f" `activation-worker partitions {self.target}`."
            )


async def load_partitions(session: Session) -> PartitionState:
    """The present state."""
    (row,) = await session.fetch("load_partitioning")
    layout = Layout(row["partitions"], row["routed"])
    return PartitionState(layout, row["target"], row["results_read_until"] or LONG_AGO)


async def record_results_read(session: Session, now: datetime) -> None:
    """Records that all PBX results until now are counted."""
    await session.change("record_results_read", partition=ROUTER, now=now)


async def begin_repartition(session: Session, target: int) -> None:
    """Records where the change leads, before it moves anything: a repeat must finish it."""
    await session.change("begin_repartition", target=target)


async def finish_repartition(session: Session, layout: Layout) -> None:
    """Ends all terms, relabels everything under way, and makes the layout the present one.

    To be called in a transaction. Waits a second for transactions of former leaders, and then ends
    them; later ones are refused.
    """
    await session.change("end_terms")
    numbers = [assignment.partition for assignment in assignments(layout)]
    await session.change("open_assignments", partitions=numbers)
    await _relabel(session, layout.partitions)
    await session.change("finish_repartition", partitions=layout.partitions, routed=layout.routed)


async def _relabel(session: Session, partitions: int) -> None:
    found = await session.fetch("find_numbers_under_way")
    labels = {
        "phone_number": [row["phone_number"] for row in found],
        "partition": [partition_of(_partition_key_of(row), partitions) for row in found],
    }
    for name in ("relabel_outbox", "relabel_operations"):
        await session.change(name, **labels)


def _partition_key_of(row: Row) -> str:
    if row["account_id"] is None:
        return str(row["phone_number"])
    return f"{row['account_id']}/{row['site_id']}"
