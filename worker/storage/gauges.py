"""Measures the database gauges when the metrics are scraped."""

import asyncio
from datetime import UTC, datetime
from typing import Final

import asyncpg
from sqlalchemy.exc import SQLAlchemyError

from worker.runtime.mistakes import Mistake
from worker.settings import SettingsError
from worker.storage.connecting.engine import READING_WHOLE_TABLES, Database
from worker.storage.connecting.errors import reason_of
from worker.storage.connecting.session import Session
from worker.telemetry.logs import Action, get_logger
from worker.telemetry.metrics.database_gauges import (
    Aftermaths,
    DatabaseFigures,
    OpenSteps,
    OperationsUnderWay,
)

__all__ = ["DATABASE_FAILURES", "measure"]

MEASURE_TIMEOUT_SECONDS: Final = 2.0

DATABASE_FAILURES: Final = (
    OSError,
    TimeoutError,
    SQLAlchemyError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresError,
    Mistake,
    SettingsError,
)
"""All errors that a query can raise, also while it connects, or for a missing schema."""


async def measure(database: Database) -> DatabaseFigures | None:
    """The figures of the gauges; None, and a debug log line, if a query fails or takes too long."""
    try:
        async with (
            asyncio.timeout(MEASURE_TIMEOUT_SECONDS),
            database.transaction(READING_WHOLE_TABLES) as session,
        ):
            now = database.clock.now()
            return await _measure(session, now, (now - datetime.now(UTC)).total_seconds())
    except DATABASE_FAILURES as error:
        get_logger().debug(Action.GAUGES_NOT_READ, reason=reason_of(error))
        return None


async def _measure(session: Session, now: datetime, clock_offset_seconds: float) -> DatabaseFigures:
    (outbox,) = await session.fetch("measure_outbox", now=now)
    (dead_letters,) = await session.fetch("measure_dead_letters")
    queued = await session.fetch("measure_queued_dead_letters")
    (entitlement,) = await session.fetch("measure_entitlement", today=now.date())
    operations = await session.fetch("measure_operations", now=now)
    aftermaths = await session.fetch("measure_aftermaths")
    steps = await session.fetch("measure_steps", now=now)
    (rest,) = await session.fetch("measure_rest")
    return DatabaseFigures(
        outbox_messages=outbox["messages"],
        outbox_delayed_messages=outbox["delayed_messages"],
        outbox_parked_messages=outbox["parked_messages"],
        outbox_oldest_seconds=max(0.0, float(outbox["oldest_seconds"])),
        stored_dead_letters=dead_letters["messages"],
        queued_dead_letters={row["code"]: row["letters"] for row in queued},
        used_services=int(entitlement["used_services"]),
        bought_services=int(entitlement["bought_services"]),
        free_services=int(entitlement["free_services"]),
        oversubscribed_accounts=entitlement["oversubscribed_accounts"],
        exhausted_accounts=entitlement["exhausted_accounts"],
        operations={
            row["operation"]: OperationsUnderWay(
                row["numbers"],
                row["overdue_numbers"],
                max(0.0, float(row["oldest_seconds"])),
                row["unresolved_numbers"],
                row["unswept_numbers"],
            )
            for row in operations
        },
        aftermaths={
            row["aftermath"]: Aftermaths(row["numbers"], row["unresolved_numbers"])
            for row in aftermaths
        },
        open_steps={
            row["step"]: OpenSteps(row["steps"], max(0.0, float(row["oldest_seconds"])))
            for row in steps
        },
        waiting_records=rest["waiting_records"],
        sequence_gaps=rest["sequence_gaps"],
        open_manual_logouts=rest["open_manual_logouts"],
        partitions=rest["partitions"],
        clock_offset_seconds=clock_offset_seconds,
    )
