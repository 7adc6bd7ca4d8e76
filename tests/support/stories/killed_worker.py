"""The installed command, killed and started again while hypothesis draws in a thread."""

import asyncio
from collections.abc import Coroutine
from itertools import count
from typing import Any

from tests.support.environments import Environment
from tests.support.installed_command import COMMAND
from tests.support.platform import Platform
from worker.storage.connecting.engine import Database

__all__ = ["Harness"]


class Harness:
    """The worker process and its servers, shared by all runs; the worker may be dead."""

    def __init__(self, environment: Environment, database: Database, platform: Platform) -> None:
        self.loop = asyncio.get_running_loop()
        self.environment = environment
        self.database = database
        self.platform = platform
        self.worker: asyncio.subprocess.Process | None = None
        self.runs = count(1)

    def wait_for(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Runs it on the event loop, called from the thread in which hypothesis draws."""
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    async def start(self) -> None:
        """Starts a worker if none runs; does not wait until it leads."""
        if self.worker is None:
            self.worker = await asyncio.create_subprocess_exec(
                COMMAND, "run", env=dict(self.environment)
            )

    async def kill(self) -> None:
        """Kills the worker by SIGKILL if one runs."""
        if self.worker is not None:
            assert self.worker.returncode is None, "the worker ended by itself"
            self.worker.kill()
            await self.worker.wait()
            self.worker = None
