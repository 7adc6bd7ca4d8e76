"""Counters of the whole process: of its log, and of its connections to the database.

They have no registry: the log and the engine exist before the metrics, which show them.
"""

from typing import Final

from prometheus_client import Counter

__all__ = ["DATABASE_RECONNECTS", "LINES_LOST", "PREFIX", "UNKNOWN_COMMITS"]

PREFIX: Final = "activation_worker"
"""How the names of all metrics begin."""

LINES_LOST: Final = Counter(
    f"{PREFIX}_log_lines_lost_total",
    "Lines of the log that could not be written: its disk is full, or its reader does not read.",
    registry=None,
)
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
