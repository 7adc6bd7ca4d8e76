"""Checks whether a worker could start here, without changing anything."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import Final

from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from contracts.topology import EXCHANGES, QUEUES
from worker.broker.connection import channel_on, connect
from worker.broker.partition_queues import PARTITION_EXCHANGE, queue_names_of
from worker.broker.session import require_channels
from worker.settings import Settings
from worker.storage.engine import open_database
from worker.storage.partitions import load_partitions
from worker.storage.preflight import NotReady, require_fit

__all__ = ["Finding", "check_all"]

TIMEOUT_SECONDS: Final = 15


@dataclass(frozen=True, slots=True)
class Finding:
    """A subject that was checked, and its error, if any."""

    subject: str
    error: Exception | None = None


async def check_all(settings: Settings) -> Sequence[Finding]:
    """A finding for each thing that a worker needs; of the partitions, only if servers are fit."""
    findings = [
        await _finding("database", _check_database(settings)),
        await _finding("broker", _check_broker(settings)),
    ]
    if not any(finding.error for finding in findings):
        findings.append(await _finding("partitions", _check_partitions(settings)))
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


async def _check_partitions(settings: Settings) -> None:
    async with open_database(settings.database_url) as database, database.session() as session:
        state = await load_partitions(session)
    state.require_finished()
    queues = queue_names_of(state.layout)
    async with await connect(settings.amqp_urls) as connection:
        require_channels(connection, state.layout)
        try:
            if queues:
                await _require_exchange(connection, PARTITION_EXCHANGE)
            for name in queues:
                await _require_queue(connection, name)
        except ChannelNotFoundEntity as error:
            message = (
                f"{error}. Partitions get no commands. Run"
                f" `activation-worker partitions {state.layout.partitions}`: it makes what is"
                " missing."
            )
            raise NotReady(message) from error


async def _require_exchange(connection: AbstractConnection, name: str) -> None:
    # A channel for each: the broker closes a channel on which a declaration fails.
    async with await channel_on(connection) as channel:
        await channel.declare_exchange(name, passive=True, timeout=TIMEOUT_SECONDS)


async def _require_queue(connection: AbstractConnection, name: str) -> None:
    async with await channel_on(connection) as channel:
        await channel.declare_queue(name, passive=True, timeout=TIMEOUT_SECONDS)
