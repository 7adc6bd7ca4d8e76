"""A database whose disk is full: the kernel lets none of its files grow, as a quota would."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from worker.local.account import account_for
from worker.local.installations import program, search_path
from worker.local.process import Runner

LARGEST_BYTES = 16 << 20
"""As large as a file of the write-ahead log, which is written over and does not grow: without it
PostgreSQL ends at once, and that is another story."""
TIMEOUT_SECONDS = 10
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
LIMIT_EACH = 'limit=$1; shift; for process; do "$0" --fsize="$limit": --pid "$process" || :; done'
"""Only the soft limit, which may be raised again."""


@asynccontextmanager
async def full_disk(url: str) -> AsyncIterator[None]:
    """Until the end, no table or index of more than 16 MiB grows.

    PostgreSQL takes a file that may not grow for a full disk, but says so as for an exceeded
    quota: with SQLSTATE XX000 instead of 53100.
    """
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        await _limit(connection, str(LARGEST_BYTES))
        yield
    finally:
        await _limit(connection, "unlimited")
        await connection.close()


async def _limit(connection: asyncpg.Connection, largest: str) -> None:
    # The server itself first: those that it starts from then on are limited like it.
    await _limit_each([_parent(connection.get_server_pid())], largest)
    await _limit_each([pid for (pid,) in await connection.fetch(SESSIONS)], largest)


async def _limit_each(pids: list[int], largest: str) -> None:
    # Its own user may do it; root, without every capability, may not.
    runner = Runner(account_for("postgres"), {"PATH": search_path()})
    prlimit = program("prlimit", package="util-linux")
    await runner.run(
        *("/bin/sh", "-c", LIMIT_EACH, prlimit, largest, *map(str, pids)),
        timeout_seconds=TIMEOUT_SECONDS,
    )


def _parent(pid: int) -> int:
    # The name of the program stands in brackets and may hold anything, spaces included.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
