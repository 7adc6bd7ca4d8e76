"""Names the session that keeps a lock for which a command has waited too long."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, Self

from worker.core.messages.explanations import clock_time
from worker.storage.connecting.errors import LOCK_NOT_AVAILABLE, is_lock_wait
from worker.storage.connecting.session import Driver, Row, Session

__all__ = ["LockKept", "naming_lock_holders"]

LOOK_SECONDS: Final = 2.0
"""Before the first look and between looks: few commands last that long, and a lock wait ends the
command only later. After it has ended, PostgreSQL cannot say any more who kept the lock."""


class LockKept(Exception):
    """Another session kept a lock for longer than a command waits; the text says which."""

    sqlstate: Final = LOCK_NOT_AVAILABLE

    @classmethod
    def by(cls, holders: Sequence[Row]) -> Self:
        """The error that names these sessions."""
        named = "; ".join(map(_describe, holders)) or "PostgreSQL does not say which"
        return cls(
            f"Another session keeps a lock: {named}. Wait until it ends, or end it with"
            " pg_terminate_backend, and run the command again."
        )


@asynccontextmanager
async def naming_lock_holders(
    driver: Driver, connect: Callable[[], Awaitable[Driver]]
) -> AsyncIterator[None]:
    """Raises `LockKept` in place of the error of a statement that waited for a lock too long.

    `connect` opens a second session, which looks who blocks this one as long as it lasts.
    """
    seen: list[Row] = []
    watching = asyncio.create_task(_watch(driver.get_server_pid(), connect, seen))
    try:
        yield
    except Exception as error:
        if is_lock_wait(error):
            raise LockKept.by(seen) from error
        raise
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def _watch(pid: int, connect: Callable[[], Awaitable[Driver]], seen: list[Row]) -> None:
    # The work goes on without it, and reports what is wrong with the server.
    with suppress(Exception):
        await asyncio.sleep(LOOK_SECONDS)
        driver = await connect()
        try:
            while True:
                if holders := await Session(driver).fetch("list_lock_holders", pid=pid):
                    seen[:] = holders
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            driver.terminate()


def _describe(holder: Row) -> str:
    client = f"{holder['address'] or 'local'} {holder['application_name']}".rstrip()
    since = f", in a transaction since {clock_time(holder['since'])}" if holder["since"] else ""
    return f"session {holder['pid']} ({client}{since})"
