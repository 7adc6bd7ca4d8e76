"""Samples what the workers' database sessions do and wait for."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psutil

from tests.benchmarks.running.costs import processor_seconds
from tests.benchmarks.subjects.statements import query_name

PAUSE_SECONDS = 0.02
LOCK = "Lock"
SAMPLE = """
SELECT client_port, coalesce(wait_event_type, 'none') AS waits_for, query,
    CASE WHEN wait_event_type = 'Lock' THEN ARRAY(
        SELECT blocker.client_port FROM pg_stat_activity AS blocker
        WHERE blocker.pid = ANY(pg_blocking_pids(session.pid))
    ) ELSE '{}' END AS blockers
FROM pg_stat_activity AS session
WHERE datname = $1 AND application_name = 'activation-worker' AND state = 'active'
"""


@dataclass
class SessionSamples:
    """Counts of busy sessions, by what they waited for; `none` where a session was running."""

    waits: Counter[str] = field(default_factory=Counter)
    locks: Counter[str] = field(default_factory=Counter)
    """The queries of the sessions that waited for a lock."""
    blocked_by_another: int = 0
    """How many waited for a session of another worker, or for one that had ended."""
    processor_seconds: float = 0
    """What sampling cost the database."""

    @property
    def own_share(self) -> float:
        """The share that waited for a lock of the same worker."""
        return (self.waits[LOCK] - self.blocked_by_another) / max(1, self.waits.total())

    @property
    def share_of_another(self) -> float:
        """The share that waited for a lock of another worker."""
        return self.blocked_by_another / max(1, self.waits.total())


class SessionOwners:
    """Finds the worker that a session belongs to, by the port of its connection."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._known: dict[int, int] = {}

    def of(self, port: int) -> int | None:
        """The pid of the worker; None if the session belongs to none of them."""
        if port not in self._known:
            for pid in self._pids:
                for connection in psutil.Process(pid).net_connections():
                    self._known[connection.laddr.port] = pid
        return self._known.get(port)


@asynccontextmanager
async def sampled_sessions(database_url: str, pids: Sequence[int]) -> AsyncIterator[SessionSamples]:
    """Samples inside the block, from a session in another database."""
    server, _, name = database_url.replace("+asyncpg", "").rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    found, owners = SessionSamples(), SessionOwners(pids)
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    before = processor_seconds(pid)

    async def sample() -> None:
        while True:
            for row in await connection.fetch(SAMPLE, name):
                _count(found, owners, row)
            await asyncio.sleep(PAUSE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield found
    finally:
        sampling.cancel()
        await asyncio.gather(sampling, return_exceptions=True)
        found.processor_seconds = processor_seconds(pid) - before
        await connection.close()


def _count(found: SessionSamples, owners: SessionOwners, row: Any) -> None:
    found.waits[row["waits_for"]] += 1
    if row["waits_for"] == LOCK:
        found.locks[query_name(row["query"])] += 1
        own = owners.of(row["client_port"])
        blockers = {owners.of(port) for port in row["blockers"]} or {None}
        found.blocked_by_another += blockers != {own}


async def session_seconds(database_url: str) -> float:
    """The time that statements took in all sessions of this database that ended or are idle."""
    server, _, name = database_url.replace("+asyncpg", "").rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        milliseconds = await connection.fetchval(
            "SELECT active_time FROM pg_stat_database WHERE datname = $1", name
        )
    finally:
        await connection.close()
    return float(milliseconds) / 1000
