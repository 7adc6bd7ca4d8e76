"""Checks whether a worker could start here, without changing anything."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from contracts.topology import EXCHANGES, QUEUES
from worker.broker.connection import channel_on, connect
from worker.broker.lane_queues import LANE_EXCHANGE, queue_names_of
from worker.settings import Settings
from worker.storage.engine import open_database
from worker.storage.lanes import load_lanes
from worker.storage.preflight import NotReady, require_fit

__all__ = ["Finding", "check_all"]

TIMEOUT_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """A subject that was checked, and its error, if any."""

    subject: str
    error: Exception | None = None


async def check_all(settings: Settings) -> Sequence[Finding]:
    """A finding for each thing that a worker needs; for lanes only if both servers are fine."""
    findings = [
        await _finding("database", _check_database(settings)),
        await _finding("broker", _check_broker(settings)),
    ]
    if not any(finding.error for finding in findings):
        findings.append(await _finding("lanes", _check_lanes(settings)))
    return findings


async def _finding(subject: str, check: Awaitable[None]) -> Finding:
    try:
        await check
    except Exception as error:  # noqa: BLE001 -- the caller explains it or raises it again
        return Finding(subject, error)
    return Finding(subject)


async def _check_database(settings: Settings) -> None:
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as connection,
    ):
        await require_fit(connection)


async def _check_broker(settings: Settings) -> None:
    async with await connect(settings.amqp_urls) as connection:
        for name in (item.name for item in EXCHANGES):
            await _require_exchange(connection, name)
        for name in (item.name for item in QUEUES):
            await _require_queue(connection, name)


async def _check_lanes(settings: Settings) -> None:
    async with open_database(settings.database_url) as database, database.session() as session:
        lanes = await load_lanes(session)
    queues = queue_names_of(lanes.present)
    async with await connect(settings.amqp_urls) as connection:
        try:
            if queues:
                await _require_exchange(connection, LANE_EXCHANGE)
            for name in queues:
                await _require_queue(connection, name)
        except ChannelNotFoundEntity as error:
            message = (
                f"{error}. Lanes get no commands. Run `activation-worker lanes {lanes.present}`:"
                " it makes what is not there."
            )
            raise NotReady(message) from error


async def _require_exchange(connection: AbstractConnection, name: str) -> None:
    # A channel for each: the broker closes a channel on which a declaration fails.
    async with await channel_on(connection) as channel:
        await channel.declare_exchange(name, passive=True, timeout=TIMEOUT_SECONDS)


async def _require_queue(connection: AbstractConnection, name: str) -> None:
    async with await channel_on(connection) as channel:
        await channel.declare_queue(name, passive=True, timeout=TIMEOUT_SECONDS)
