"""What the sessions of the workers do, looked at again and again while they work."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import psutil

from tests.benchmarks.asking import recognised
from tests.benchmarks.costs import processor_seconds

PAUSE_SECONDS = 0.02
LOCK = "Lock"
LOOK = """
SELECT client_port, coalesce(wait_event_type, 'none') AS waits_for, query,
    CASE WHEN wait_event_type = 'Lock' THEN ARRAY(
        SELECT blocker.client_port FROM pg_stat_activity AS blocker
        WHERE blocker.pid = ANY(pg_blocking_pids(session.pid))
    ) ELSE '{}' END AS blockers
FROM pg_stat_activity AS session
WHERE datname = $1 AND application_name = 'activation-worker' AND state = 'active'
"""


@dataclass
class Sampled:
    """Every session that was found at work, by what it waited for; `none` where it ran."""

    waits: Counter[str] = field(default_factory=Counter)
    locks: Counter[str] = field(default_factory=Counter)
    """What those asked that waited for a lock."""
    for_another: int = 0
    """How many waited for the session of another worker, or of somebody who was gone."""
    processor_seconds: float = 0
    """What looking cost the database."""

    @property
    def own_share(self) -> float:
        """The part that waited for a lock of its own worker."""
        return (self.waits[LOCK] - self.for_another) / max(1, self.waits.total())

    @property
    def share_of_another(self) -> float:
        """The part that waited for a lock of another."""
        return self.for_another / max(1, self.waits.total())


class Owners:
    """Which worker has which session, by the port from which it is connected."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._known: dict[int, int] = {}

    def of(self, port: int) -> int | None:
        """The worker's process; None where it is none of them."""
        if port not in self._known:
            for pid in self._pids:
                for connection in psutil.Process(pid).net_connections():
                    self._known[connection.laddr.port] = pid
        return self._known.get(port)


@asynccontextmanager
async def sampled(database_url: str, pids: Sequence[int]) -> AsyncIterator[Sampled]:
    """Looks from beside, in a session on another database, until the end."""
    server, _, name = database_url.replace("+asyncpg", "").rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    found, owners = Sampled(), Owners(pids)
    pid = await connection.fetchval("SELECT pg_backend_pid()")
    before = processor_seconds(pid)

    async def look() -> None:
        while True:
            for row in await connection.fetch(LOOK, name):
                _note(found, owners, row)
            await asyncio.sleep(PAUSE_SECONDS)

    looking = asyncio.create_task(look())
    try:
        yield found
    finally:
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)
        found.processor_seconds = processor_seconds(pid) - before
        await connection.close()


def _note(found: Sampled, owners: Owners, row: Any) -> None:
    found.waits[row["waits_for"]] += 1
    if row["waits_for"] == LOCK:
        found.locks[recognised(row["query"])] += 1
        mine = owners.of(row["client_port"])
        others = {owners.of(port) for port in row["blockers"]} or {None}
        found.for_another += others != {mine}


async def session_seconds(database_url: str) -> float:
    """How long statements have run in all sessions of this database that ended or pause."""
    server, _, name = database_url.replace("+asyncpg", "").rpartition("/")
    connection = await asyncpg.connect(f"{server}/postgres")
    try:
        milliseconds = await connection.fetchval(
            "SELECT active_time FROM pg_stat_database WHERE datname = $1", name
        )
    finally:
        await connection.close()
    return float(milliseconds) / 1000
