"""Whether the worker can work, each thing asked for itself; None is fine, a sentence is not."""

from collections.abc import Mapping
from typing import Protocol

from worker.storage.engine import Database
from worker.storage.gauges import DATABASE_FAILURES
from worker.storage.schema_version import is_current
from worker.telemetry.http import Probe

__all__ = ["Serving", "probes_of", "role_of"]


class Serving(Protocol):
    """What can be known of a worker from outside."""

    connected: bool
    """Whether the broker is connected."""
    leads: bool
    """Whether this worker serves a partition, or stands by."""


def probes_of(database: Database, worker: Serving) -> Mapping[str, Probe]:
    """What must be fine for the worker to be ready; a standby that could take over is ready."""
    return {
        "database": lambda: _database(database),
        "schema": _Schema(database),
        "broker": lambda: _broker(worker),
    }


def role_of(worker: Serving) -> str:
    """`leader` where this worker serves the commands, else `standby`."""
    return "leader" if worker.leads else "standby"


async def _database(database: Database) -> str | None:
    try:
        async with database.session() as session:
            await session.driver.execute("SELECT 1")
    except DATABASE_FAILURES as error:
        # The kind only: its text may hold what not everyone who can ask should know.
        return (
            f"PostgreSQL cannot be used ({type(error).__name__}). Commands wait in their queue."
            " Check DATABASE_URL and the server; the worker goes on by itself."
        )
    return None


class _Schema:
    """Asks until it was right once: a newer worker may migrate on while this one still works."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._was_current = False

    async def __call__(self) -> str | None:
        if not self._was_current:
            try:
                self._was_current = await is_current(self._database)
            except DATABASE_FAILURES as error:
                return f"The version of the schema cannot be read ({type(error).__name__})."
        if self._was_current:
            return None
        return (
            "The schema is not the one that this worker was written for."
            " Run `activation-worker migrate`."
        )


async def _broker(worker: Serving) -> str | None:
    if worker.connected:
        return None
    return (
        "RabbitMQ is not connected. Commands wait there, and what was decided waits here."
        " Check AMQP_URL and the server; the worker goes on by itself."
    )
