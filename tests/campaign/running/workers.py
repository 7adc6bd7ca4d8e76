"""The workers of a campaign; each is restarted at once when it ends, as a supervisor would do."""

import asyncio
import contextlib
import random
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.releases import Release
from worker.local.process import Runner

GAINED = b'"leadership_gained"'
LOST = (b'"leadership_lost"', b'"broker_lost"', b'"worker_standing_by"')
PAUSE_SECONDS = 0.05
STOP_SECONDS = 40
TAIL_BYTES = 3000
TROUBLES_AT_MOST = 20
UNEXPECTED = b'"unexpected_error"'


class Log:
    """The log of one worker, read as it grows."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read_bytes = 0
        self._leads = False
        self.unexpected: list[str] = []

    @property
    def leads(self) -> bool:
        """Whether the worker leads, by its last log record about the lead or the broker."""
        self.catch_up()
        return self._leads

    def catch_up(self) -> None:
        """Reads the new lines, except an incomplete last one."""
        with self._path.open("rb") as file:
            file.seek(self._read_bytes)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._read_bytes += len(line)
                if GAINED in line or any(word in line for word in LOST):
                    self._leads = GAINED in line
                elif UNEXPECTED in line:
                    self.unexpected.append(line.decode(errors="replace"))

    def tail(self) -> str:
        """The end of the log."""
        with self._path.open("rb") as file:
            file.seek(max(0, self._path.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")


class Slot:
    """One worker at a time, restarted whenever it ends."""

    def __init__(
        self, name: str, environment: Mapping[str, str], folder: Path, release: Release
    ) -> None:
        self._environment = environment
        self._release = release
        self._path = folder / f"{name}.log"
        self._name = name
        self._process: asyncio.subprocess.Process | None = None
        self._log: Log | None = None
        self._end_requested = False
        self.frozen = False
        self.troubles: list[str] = []
        self.starts = 0

    @property
    def leads(self) -> bool:
        """Whether the worker that runs now leads."""
        return self._log is not None and self._log.leads

    def send(self, number: signal.Signals) -> bool:
        """Sends a signal to the running worker; returns whether there was one."""
        if self._process is None or self._process.returncode is not None:
            return False
        self._end_requested = self._end_requested or number in {signal.SIGKILL, signal.SIGTERM}
        self._process.send_signal(number)
        return True

    def replace(self, release: Release) -> None:
        """Stops the worker in order; the next one is of this release."""
        self._release = release
        self.send(signal.SIGTERM)

    async def run(self) -> None:
        """Keeps a worker running until it is cancelled; then stops the worker in order."""
        while True:
            await self._start()
            try:
                await self._wait()
            except asyncio.CancelledError:
                await self._stop()
                raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _start(self) -> None:
        self._end_requested = False
        self.starts += 1
        command = Runner(None, self._environment).guarded(
            [*self._release.command, "run"], signal.SIGKILL
        )
        environment = {**self._environment, **self._release.variables}
        with self._path.open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command, env=environment, stdout=log, stderr=log
            )
        self._log = Log(self._path)

    async def _wait(self) -> None:
        if self._process is None or self._log is None:
            raise RuntimeError("there is no worker to wait for")
        code = await self._process.wait()
        self._log.catch_up()
        name = f"{self._name}, start {self.starts}"
        self.troubles += [f"{name}: {line}" for line in self._log.unexpected]
        if not self._end_requested:
            self.troubles.append(f"{name} ended by itself with {code}:\n{self._log.tail()}")
        # A worker that cannot start would fill the report.
        del self.troubles[TROUBLES_AT_MOST:]

    async def _stop(self) -> None:
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        try:
            await asyncio.wait_for(self._wait(), STOP_SECONDS)
        except TimeoutError:
            self.troubles.append(f"{self._name} did not stop in {STOP_SECONDS} s")
            self.send(signal.SIGKILL)


class Workers:
    """The workers that run side by side."""

    def __init__(self, slots: list[Slot]) -> None:
        self.slots = slots

    def random_slot(self, dice: random.Random) -> Slot:
        """A random slot."""
        return dice.choice(self.slots)

    async def leader(self) -> Slot:
        """Waits until a worker leads, and returns its slot."""
        while True:
            for slot in self.slots:
                if slot.leads:
                    return slot
            await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def running(
    environments: Mapping[str, Mapping[str, str]], folder: Path, release: Release
) -> AsyncIterator[Workers]:
    """Runs a worker for each name with its environment; stops them in order at the end."""
    slots = [Slot(name, environment, folder, release) for name, environment in environments.items()]
    tasks = [asyncio.create_task(slot.run()) for slot in slots]
    try:
        yield Workers(slots)
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
