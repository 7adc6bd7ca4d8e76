"""Finds the operations that the sweep must advance."""

from collections.abc import Sequence
from datetime import datetime

from worker.storage.session import Session

__all__ = ["find_due"]


async def find_due(session: Session, partition: int, now: datetime, maximum: int) -> Sequence[str]:
    """The numbers of the partition's operations that are due, the longest due first."""
    rows = await session.fetch("find_due", partition=partition, now=now, maximum=maximum)
    return [row["phone_number"] for row in rows]
