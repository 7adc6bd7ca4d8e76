"""Health probes: each returns None, or a sentence that says what is wrong."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Final, Protocol

from worker.cluster.intake import Intake
from worker.core.messages.explanations import clock_time
from worker.runtime.mistakes import Mistake
from worker.settings import SettingsError
from worker.storage.connecting.engine import Database
from worker.storage.connecting.errors import ReadOnlyServer
from worker.storage.deployment.preflight import is_known, require_writable
from worker.storage.gauges import DATABASE_FAILURES
from worker.storage.outbox.dead_letters import find_refused
from worker.telemetry.http import Probe

__all__ = ["Serving", "probes_of", "state_of"]

READING: Final = "schema"
"""The probe that fails if the database cannot be read."""
UNKNOWN: Final = "unknown"


class Serving(Protocol):
    """The state of a worker that probes read."""

    connected: bool
    """Whether the worker is connected to the broker."""
    leads: bool
    """Whether this worker serves a partition; otherwise it is a standby."""

    @property
    def intake(self) -> Intake:
        """Whether commands are taken."""

    @property
    def dead_letter_problem(self) -> str | None:
        """Why the dead-letter queue cannot be used; None if it can."""


def probes_of(database: Database, worker: Serving) -> Mapping[str, Probe]:
    """The probes that must all pass for the worker to be ready; a standby is ready too."""
    # Both use one connection, by turns: a worker may have few.
    turn = asyncio.Lock()
    return {
        "database": lambda: _database(database, turn),
        READING: _Schema(database, turn),
        "broker": lambda: _broker(worker),
        "dead_letters": lambda: _dead_letters(database, worker),
    }


def state_of(worker: Serving, failed: Collection[str]) -> Mapping[str, str]:
    """What it does, by what it last read in the database; `failed` are the failed probes.

    `role` is `leader` if this worker serves a partition, else `standby`. `intake` says since when
    commands wait; by whom and why is nothing for anonymous callers. Both are `unknown` while the
    database cannot be read: another worker may lead by now.
    """
    if READING in failed:
        return {"role": UNKNOWN, "intake": UNKNOWN}
    pause = worker.intake.pause
    return {
        "role": "leader" if worker.leads else "standby",
        "intake": f"paused since {clock_time(pause.since)}" if pause else "open",
    }


async def _database(database: Database, turn: asyncio.Lock) -> str | None:
    try:
        async with turn, database.session() as session:
            await require_writable(session)
    except ReadOnlyServer as error:
        return f"PostgreSQL cannot be used: {error}."
    except (Mistake, SettingsError):
        return "PostgreSQL refuses this worker: `activation-worker check` says why."
    except DATABASE_FAILURES as error:
        # The type only: the text may contain details that an anonymous caller must not see.
        return (
            f"PostgreSQL cannot be used ({type(error).__name__}). Commands wait in their queue."
            " Check DATABASE_URL and the server; the worker reconnects by itself."
        )
    if database.failure is None:
        return None
    return (
        "PostgreSQL answers, and refuses the worker's transactions"
        f" ({type(database.failure).__name__})."
        " Commands wait in their queue. The worker's log has the reason, for example a full disk;"
        " the worker repeats them until they succeed."
    )


class _Schema:
    """Accepts each schema that can be read, once one has fitted.

    A newer release may migrate while this one still runs.
    """

    def __init__(self, database: Database, turn: asyncio.Lock) -> None:
        self._database = database
        self._turn = turn
        self._was_known = False

    async def __call__(self) -> str | None:
        try:
            async with self._turn:
                self._was_known |= await is_known(self._database)
        except DATABASE_FAILURES as error:
            return f"The version of the schema cannot be read ({type(error).__name__})."
        if self._was_known:
            return None
        return (
            "This release does not run on the schema's revision. `activation-worker check` says"
            " what to do: run `activation-worker migrate`, or a newer release."
        )


async def _broker(worker: Serving) -> str | None:
    if worker.connected:
        return None
    return (
        "RabbitMQ is not connected. Commands wait in their queue, and messages in the outbox. The"
        " worker reconnects by itself, once PostgreSQL can be used; if it can, check AMQP_URL and"
        " the server."
    )


async def _dead_letters(database: Database, worker: Serving) -> str | None:
    # Without what the broker says, which names its users.
    if worker.dead_letter_problem is not None:
        return (
            "The dead-letter queue, or an exchange before it, is missing or forbidden. Messages"
            " that cannot be handled wait in the database, and other commands are served."
            " `activation-worker check` shows what is wrong."
        )
    try:
        async with database.session() as session:
            refused = await find_refused(session)
    except DATABASE_FAILURES:
        return None  # The probe of the database says so.
    if not refused.messages:
        return None
    return (
        f"The dead-letter queue refuses {refused.messages} messages, which wait in the database."
        " Other commands are served. `activation-worker check` shows the reason."
    )
