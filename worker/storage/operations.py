"""Operations under way."""

from collections.abc import Sequence
from datetime import datetime

from worker.storage.session import Session

__all__ = ["find_due"]


async def find_due(session: Session, partition: int, now: datetime, maximum: int) -> Sequence[str]:
    """The numbers of the partition's operations of which something follows now."""
    rows = await session.fetch("find_due", partition=partition, now=now, maximum=maximum)
    return [row["phone_number"] for row in rows]
