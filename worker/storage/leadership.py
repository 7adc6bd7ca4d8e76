"""Terms: each leadership has a number, by which PostgreSQL refuses a former leader."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final

from worker.storage.connecting.errors import DatabaseUnavailable
from worker.storage.connecting.session import Row, Session

__all__ = ["TERM_IS_OVER", "begin_terms", "current_terms", "fence_of"]

TERM_IS_OVER: Final = "AW001"
"""The SQLSTATE of `require_term`."""


def fence_of(partition: int, term: int) -> str:
    """SQL that fails with `TERM_IS_OVER` unless the term is the current one."""
    return f"CALL require_term({partition}, {term})"


async def begin_terms(session: Session, partitions: Collection[int]) -> Mapping[int, int]:
    """Begins a term of each partition; returns the numbers of the terms by partition.

    Waits up to one second in all for transactions of the former leaders, and then terminates their
    sessions.
    """
    return _terms(partitions, await session.fetch("begin_terms", partitions=list(partitions)))


async def current_terms(session: Session, partitions: Collection[int]) -> Mapping[int, int]:
    """The number of the current term of each partition."""
    return _terms(partitions, await session.fetch("current_terms", partitions=list(partitions)))


def _terms(partitions: Collection[int], rows: Sequence[Row]) -> Mapping[int, int]:
    terms = {row["partition"]: row["term"] for row in rows}
    if missing := {*partitions} - terms.keys():
        raise DatabaseUnavailable(
            f"partition {min(missing)} has no term: the database may just be being restored"
        )
    return terms
