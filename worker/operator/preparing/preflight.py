"""Checks whether a worker could start here and keep its promises, without changing anything."""

from collections.abc import AsyncIterator, Awaitable, Callable, Container, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from activation_contracts.topology import (
    DEAD_LETTER_QUEUE,
    EVENT_LOG,
    EXCHANGES,
    QUEUES,
    Exchange,
    Queue,
    event_log,
)
from aio_pika.abc import AbstractConnection
from aio_pika.exceptions import ChannelNotFoundEntity

from worker.broker.connecting.connection import (
    CONNECTION_ERRORS,
    BrokerRefused,
    BrokerUnavailable,
    connect,
)
from worker.broker.limits import require_room
from worker.broker.partition_queues import partition_topology, queue_names_of
from worker.broker.publishing.alarms import to_nobody
from worker.broker.publishing.confirm_channel import ConfirmChannel
from worker.broker.rights import (
    require_rights,
    rights_to_declare,
    rights_to_serve,
)
from worker.broker.topology import require_exchange, require_queue, verify, verify_event_log
from worker.broker.version import require_version
from worker.core.partitions import Layout
from worker.explaining.pause import describe_pause
from worker.operator.preparing.arguments import require_as_declared
from worker.operator.preparing.clocks import find_skew
from worker.operator.preparing.policies import describe_limits, require_harmless_policies
from worker.runtime.mistakes import Mistake
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session
from worker.storage.deployment.durability import require_durable
from worker.storage.deployment.preflight import NotReady, require_prepared
from worker.storage.outbox.dead_letters import find_refused
from worker.storage.partitions import load_partitions

__all__ = ["Finding", "Status", "check_all"]

ALARM_SECONDS: Final = 3
"""How long the broker may take to return a message before that counts as no answer."""


@unique
class Status(StrEnum):
    """What was found out about a subject."""

    OK = "ok"
    WARNING = "warning"
    """A worker starts and keeps its promises; something else is at risk."""
    SKIPPED = "skipped"
    """This could not be looked at; the message says what it needs."""
    FAILED = "failed"
    """A worker does not start, or could not keep its promises."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A subject that was checked, and what was found; a subject may have several findings."""

    subject: str
    status: Status = Status.OK
    message: str = ""
    error: Exception | None = None
    """Why the subject failed."""


SERVERS: Final = ("database", "broker")
"""The subjects without which others cannot be looked at."""

Check = Callable[[Settings], Awaitable[Sequence[str]]]
"""Returns what an operator must know; raises the reason why a worker cannot serve."""


async def check_all(settings: Settings) -> Sequence[Finding]:
    """The findings about each thing that a worker needs; `SKIPPED` for what they hide."""
    found = await _findings("database", _check_database, settings)
    answers = all(isinstance(finding.error, NotReady | None) for finding in found)
    for subject, check in (("durability", _check_durability), ("clock", _check_clock)):
        if answers:
            found += await _findings(subject, check, settings)
        else:
            found.append(_skipped(subject, ["database"]))
    found += await _findings("broker", _check_broker, settings)
    unfit = {finding.subject for finding in found if finding.error}
    for subject, check, needed in (
        ("partitions", _check_partitions, SERVERS),
        ("rights", _check_rights, SERVERS),
        ("intake", _check_intake, ("database",)),
        ("dead letters", _check_dead_letters, ("database",)),
    ):
        missing = [server for server in needed if server in unfit]
        if missing:
            found.append(_skipped(subject, missing))
        else:
            found += await _findings(subject, check, settings)
    return [*found, *await _check_by_management(settings, unfit)]


async def _check_by_management(settings: Settings, unfit: Container[str]) -> Sequence[Finding]:
    missing = [server for server in SERVERS if server in unfit]
    findings: list[Finding] = []
    for subject, (check, unseen) in BY_MANAGEMENT.items():
        if not settings.management_url:
            message = f"only the management API shows {unseen}: set WORKER_MANAGEMENT_URL."
            findings.append(Finding(subject, Status.SKIPPED, message))
        elif missing:
            findings.append(_skipped(subject, missing))
        else:
            findings += await _findings(subject, check, settings)
    return findings


def _skipped(subject: str, missing: Sequence[str]) -> Finding:
    return Finding(subject, Status.SKIPPED, f"it needs the {' and the '.join(missing)}; see above.")


async def _findings(subject: str, check: Check, settings: Settings) -> list[Finding]:
    try:
        warnings = await check(settings)
    except Exception as error:  # noqa: BLE001 -- the caller explains it or raises it again
        return [Finding(subject, Status.FAILED, error=error)]
    return [Finding(subject, Status.WARNING, warning) for warning in warnings] or [Finding(subject)]


@asynccontextmanager
async def _session(settings: Settings) -> AsyncIterator[Session]:
    async with open_database(settings.database_url) as database, database.session() as session:
        yield session


async def _check_database(settings: Settings) -> Sequence[str]:
    async with _session(settings) as session:
        await require_prepared(session)
    return []


async def _check_durability(settings: Settings) -> Sequence[str]:
    async with _session(settings) as session:
        return await require_durable(session)


async def _check_clock(settings: Settings) -> Sequence[str]:
    async with _session(settings) as session:
        skew = await find_skew(session)
    return [skew] if skew else []


async def _check_broker(settings: Settings) -> Sequence[str]:
    days = settings.event_log_days
    async with await connect(settings.amqp_urls) as connection:
        warnings = [*require_version(connection)]
        for name in (item.name for item in EXCHANGES):
            await require_exchange(connection, name)
        for name in (*(item.name for item in QUEUES), *([EVENT_LOG] if days else [])):
            await require_queue(connection, name)
        await verify(connection)
        difference = await verify_event_log(connection, days) if days else None
    await _require_no_alarm(settings)
    return [*warnings, *([difference] if difference else [])]


async def _require_no_alarm(settings: Settings) -> None:
    # On a connection of its own: one that was blocked is not read any more.
    async with await connect(settings.amqp_urls) as connection:
        channel = ConfirmChannel(connection, ALARM_SECONDS, waits_while_blocked=False)
        # The broker still handles the first message, and then reads nothing more.
        for _ in range(2):
            await channel.publish([to_nobody()])


async def _check_partitions(settings: Settings) -> Sequence[str]:
    async with _session(settings) as session:
        state = await load_partitions(session)
    state.require_finished()
    await require_room(settings.amqp_urls, state.layout)
    async with await connect(settings.amqp_urls) as connection:
        await _require_partition_queues(connection, state.layout)
    return []


async def _require_partition_queues(connection: AbstractConnection, layout: Layout) -> None:
    exchanges, queues = partition_topology(layout)
    command = f"partitions {layout.partitions}"
    try:
        for exchange in exchanges:
            await require_exchange(connection, exchange.name)
        for queue in queues:
            await require_queue(connection, queue.name)
    except ChannelNotFoundEntity as error:
        message = (
            f"{error}. Partitions get no commands. Run `activation-worker {command}`: it makes what"
            " is missing."
        )
        raise NotReady(message) from error
    await verify(connection, exchanges, queues, command=command)


async def _check_rights(settings: Settings) -> Sequence[str]:
    layout = await _load_layout(settings)
    needed = rights_to_serve(layout)
    if settings.declare_topology:
        needed += rights_to_declare(*_topology(settings, layout))
    await require_rights(settings.amqp_urls, needed, "a worker")
    return []


def _topology(settings: Settings, layout: Layout) -> tuple[Sequence[Exchange], Sequence[Queue]]:
    """All exchanges and queues that a worker needs."""
    exchanges, queues = partition_topology(layout)
    log = [event_log(settings.event_log_days)] if settings.event_log_days else []
    return (*EXCHANGES, *exchanges), (*QUEUES, *queues, *log)


async def _check_intake(settings: Settings) -> Sequence[str]:
    """No error: a worker can start, and takes no commands until a person ends the pause."""
    async with _session(settings) as session:
        pause = (await load_partitions(session)).pause
    return [describe_pause(pause)] if pause else []


async def _check_dead_letters(settings: Settings) -> Sequence[str]:
    async with _session(settings) as session:
        refused = await find_refused(session)
    if refused.messages:
        limits = ""
        # While the broker is away the rest is true nevertheless.
        with suppress(BrokerUnavailable, BrokerRefused, Mistake, *CONNECTION_ERRORS):
            limits = f"{await describe_limits(settings, DEAD_LETTER_QUEUE)} "
        raise Mistake(
            f"The dead-letter queue refuses {refused.messages} messages, which wait in the"
            f" database: {refused.last_error}. {limits}The worker sends them when the queue takes"
            " messages: make room in it, or grant the missing right."
        )
    return []


async def _check_topology(settings: Settings) -> Sequence[str]:
    await require_as_declared(settings, *_topology(settings, await _load_layout(settings)))
    return []


async def _check_policies(settings: Settings) -> Sequence[str]:
    layout = await _load_layout(settings)
    await require_harmless_policies(
        settings, [*(queue.name for queue in QUEUES), *queue_names_of(layout)]
    )
    return []


async def _load_layout(settings: Settings) -> Layout:
    async with _session(settings) as session:
        return (await load_partitions(session)).layout


BY_MANAGEMENT: Final[Mapping[str, tuple[Check, str]]] = {
    "topology": (_check_topology, "bindings, and arguments of what this user may not declare"),
    "policies": (_check_policies, "policies"),
}
"""The checks that need the management API, and what only it shows."""
