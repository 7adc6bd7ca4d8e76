"""A database with a full disk: a limit of the kernel keeps its files from growing, like a quota."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from worker.local.account import account_for
from worker.local.installations import program, search_path
from worker.local.process import Runner

LARGEST_BYTES = 16 << 20
"""The size of a file of the write-ahead log: those files are overwritten and do not grow. With a
smaller limit PostgreSQL would stop at once, which is another fault."""
TIMEOUT_SECONDS = 10
SESSIONS = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend'"
LIMIT_EACH = 'limit=$1; shift; for process; do "$0" --fsize="$limit": --pid "$process" || :; done'
"""Sets only the soft limit, which may be raised again."""


@asynccontextmanager
async def full_disk(url: str) -> AsyncIterator[None]:
    """Keeps tables and indexes of more than 16 MiB from growing until the end of the context.

    PostgreSQL treats a file that may not grow like a full disk, but reports it like an exceeded
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
    # The server itself first: processes that it starts afterwards inherit its limit.
    await _limit_each([_parent(connection.get_server_pid())], largest)
    await _limit_each([pid for (pid,) in await connection.fetch(SESSIONS)], largest)


async def _limit_each(pids: list[int], largest: str) -> None:
    # The server's own user may set the limit; root without all capabilities may not.
    runner = Runner(account_for("postgres"), {"PATH": search_path()})
    prlimit = program("prlimit", package="util-linux")
    await runner.run(
        *("/bin/sh", "-c", LIMIT_EACH, prlimit, largest, *map(str, pids)),
        timeout_seconds=TIMEOUT_SECONDS,
    )


def _parent(pid: int) -> int:
    # The program's name is in brackets and may contain anything, spaces included.
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
