"""Counters of what happens to the connections of the database, for the whole process."""

from typing import Final

from prometheus_client import Counter

from worker.telemetry.declaring import PREFIX

__all__ = ["DATABASE_RECONNECTS", "UNKNOWN_COMMITS"]

DATABASE_RECONNECTS: Final = Counter(
    f"{PREFIX}_database_reconnects_total",
    "Connections to PostgreSQL that were opened in place of lost ones.",
    registry=None,
)
UNKNOWN_COMMITS: Final = Counter(
    f"{PREFIX}_unknown_commits_total",
    "Commits whose answer was lost: PostgreSQL may have stored them, and the work was done again.",
    registry=None,
)
