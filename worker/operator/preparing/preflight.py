"""Checks whether a worker could start here, without changing anything."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass

from activation_contracts.topology import EVENT_LOG, EXCHANGES, QUEUES, event_log
from aio_pika.exceptions import ChannelNotFoundEntity

from worker.broker.connecting.connection import connect
from worker.broker.partition_queues import (
    PARTITION_EXCHANGE,
    partition_topology,
    queue_names_of,
)
from worker.broker.rights import (
    require_rights,
    rights_to_declare,
    rights_to_serve,
)
from worker.broker.session import require_channels
from worker.broker.topology import require_exchange, require_queue, verify, verify_event_log
from worker.core.partitions import Layout
from worker.operator.preparing.policies import require_harmless_policies
from worker.runtime.mistakes import Mistake
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.deployment.preflight import NotReady, require_fit
from worker.storage.outbox.dead_letters import find_refused
from worker.storage.partitions import load_partitions

__all__ = ["Finding", "check_all"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A subject that was checked, and its error, if any."""

    subject: str
    error: Exception | None = None
    remark: str = ""
    """What an operator should know about a subject in order."""


async def check_all(settings: Settings) -> Sequence[Finding]:
    """A finding for each thing that a worker needs; the last ones only if the servers are fit."""
    findings = [
        await _finding("database", _check_database(settings)),
        await _finding("broker", _check_broker(settings)),
    ]
    if not any(finding.error for finding in findings):
        findings += [
            await _finding("partitions", _check_partitions(settings)),
            await _finding("rights", _check_rights(settings)),
            await _finding("dead letters", _check_dead_letters(settings)),
        ]
        if settings.management_url:
            findings.append(await _finding("policies", _check_policies(settings)))
    return findings


async def _finding(subject: str, check: Awaitable[str | None]) -> Finding:
    try:
        remark = await check
    except Exception as error:  # noqa: BLE001 -- the caller explains it or raises it again
        return Finding(subject, error)
    return Finding(subject, remark=remark or "")


async def _check_database(settings: Settings) -> None:
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as connection,
    ):
        await require_fit(connection)


async def _check_broker(settings: Settings) -> str | None:
    days = settings.event_log_days
    async with await connect(settings.amqp_urls) as connection:
        for name in (item.name for item in EXCHANGES):
            await require_exchange(connection, name)
        for name in (*(item.name for item in QUEUES), *([EVENT_LOG] if days else [])):
            await require_queue(connection, name)
        if settings.declare_topology:
            await verify(connection)
            return await verify_event_log(connection, days) if days else None
    return None


async def _check_partitions(settings: Settings) -> None:
    async with open_database(settings.database_url) as database, database.session() as session:
        state = await load_partitions(session)
    state.require_finished()
    queues = queue_names_of(state.layout)
    async with await connect(settings.amqp_urls) as connection:
        require_channels(connection, state.layout)
        try:
            if queues:
                await require_exchange(connection, PARTITION_EXCHANGE)
            for name in queues:
                await require_queue(connection, name)
        except ChannelNotFoundEntity as error:
            message = (
                f"{error}. Partitions get no commands. Run"
                f" `activation-worker partitions {state.layout.partitions}`: it makes what is"
                " missing."
            )
            raise NotReady(message) from error


async def _check_rights(settings: Settings) -> None:
    layout = await _load_layout(settings)
    needed = rights_to_serve(layout)
    if settings.declare_topology:
        exchanges, queues = partition_topology(layout)
        needed += rights_to_declare((*EXCHANGES, *exchanges), (*QUEUES, *queues))
        if settings.event_log_days:
            needed += rights_to_declare((), [event_log(settings.event_log_days)])
    await require_rights(settings.amqp_urls, needed, "a worker")


async def _check_dead_letters(settings: Settings) -> None:
    async with open_database(settings.database_url) as database, database.session() as session:
        refused = await find_refused(session)
    if refused.messages:
        raise Mistake(
            f"The dead-letter queue refuses {refused.messages} messages, which wait in the"
            f" database: {refused.last_error}. The worker sends them when the queue takes messages:"
            " make room in it, or grant the missing right."
        )


async def _check_policies(settings: Settings) -> None:
    layout = await _load_layout(settings)
    await require_harmless_policies(
        settings, [*(queue.name for queue in QUEUES), *queue_names_of(layout)]
    )


async def _load_layout(settings: Settings) -> Layout:
    async with open_database(settings.database_url) as database, database.session() as session:
        return (await load_partitions(session)).layout
