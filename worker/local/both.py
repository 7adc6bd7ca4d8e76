"""Both servers together: started concurrently, and always stopped."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from worker.local.installations import missing_servers
from worker.local.postgresql import NO_SETTINGS, PrivatePostgreSQL
from worker.local.rabbitmq import PrivateRabbitMQ
from worker.local.unavailable import ServerUnavailable

__all__ = ["PrivateServers"]

WATCH_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class PrivateServers:
    """A running RabbitMQ and a running PostgreSQL for this process alone."""

    rabbitmq: PrivateRabbitMQ
    postgresql: PrivatePostgreSQL

    @classmethod
    @asynccontextmanager
    async def started(
        cls,
        folder: Path | None = None,
        *,
        postgresql_settings: Mapping[str, str] = NO_SETTINGS,
        rabbitmq_schedulers: int | None = None,
    ) -> AsyncIterator[Self]:
        """Starts both with their data in the folder, or else in a temporary one that is removed.

        Raises `ServerUnavailable`, which names what is not installed or why a server did not start.
        """
        if missing := missing_servers():
            raise ServerUnavailable("\n".join(missing))
        async with AsyncExitStack() as stack:
            root = folder or stack.enter_context(_temporary_folder())
            rabbitmq = PrivateRabbitMQ.started(
                root / "rabbitmq", keep=folder is not None, schedulers=rabbitmq_schedulers
            )
            postgresql = PrivatePostgreSQL.started(root / "postgresql", postgresql_settings)
            try:
                async with asyncio.TaskGroup() as group:
                    broker = group.create_task(stack.enter_async_context(rabbitmq))
                    database = group.create_task(stack.enter_async_context(postgresql))
            except ExceptionGroup as failed:
                # The first is the cause; the other start was cancelled.
                raise failed.exceptions[0] from None
            yield cls(broker.result(), database.result())

    async def watch(self) -> None:
        """Raises `ServerUnavailable` when one of them has ended by itself; never returns."""
        while True:
            self.rabbitmq.require_running()
            self.postgresql.require_running()
            await asyncio.sleep(WATCH_SECONDS)


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="activation-worker-") as name:
        folder = Path(name)
        # The servers' users must traverse the folder, but need not list it.
        folder.chmod(0o711)
        yield folder
