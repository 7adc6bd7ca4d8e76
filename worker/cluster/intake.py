"""Whether commands are taken: what the last poll of the database said, for a whole worker."""

import asyncio

from worker.storage.intake import Pause
from worker.telemetry.reporter import Reporter

__all__ = ["Intake"]


class Intake:
    """The switch of the intake as this worker knows it; open until a poll says something else."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._paused, self._open = asyncio.Event(), asyncio.Event()
        self._open.set()
        self.pause: Pause | None = None
        """The pause; None while commands are taken."""

    @property
    def is_paused(self) -> bool:
        """Whether no commands are taken."""
        return self.pause is not None

    def observe(self, pause: Pause | None) -> None:
        """Takes over what a poll has read; reports a change."""
        was_paused, self.pause = self.is_paused, pause
        if was_paused == self.is_paused:
            return
        begun, ended = (self._paused, self._open) if self.is_paused else (self._open, self._paused)
        begun.set()
        ended.clear()
        if pause is None:
            self._reporter.intake_resumed()
        else:
            self._reporter.intake_paused(pause.since, pause.by, pause.why)

    async def until(self, *, paused: bool) -> None:
        """Returns when the intake is paused, or when it is open."""
        await (self._paused if paused else self._open).wait()
