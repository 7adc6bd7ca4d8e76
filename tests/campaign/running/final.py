"""Reads the final state of the servers, and counts what still waits in them."""

from typing import Any

import asyncpg
from pamqp import commands as amqp

from tests.campaign.judging.ledger import Final
from tests.campaign.running.faults import plain_url
from tests.campaign.running.subscriber import QUEUES
from tests.support.faults.amqp_wire import Wire
from worker.local import PrivateServers

COMMAND_QUEUE = "telephony.phone_number.commands"
USAGE = """
    SELECT account_id, site_id, coalesce(bought.quantity, 0), usage.active + usage.pending,
        (SELECT count(*) FROM phone_numbers AS number
         WHERE (number.account_id, number.site_id) = (usage.account_id, usage.site_id)
             AND number.status IN ('ACTIVE', 'PENDING'))
    FROM entitlement_usage AS usage
    LEFT JOIN (
        SELECT account_id, site_id, sum(quantity) AS quantity FROM voice_services
        GROUP BY account_id, site_id
    ) AS bought USING (account_id, site_id)
"""
TABLES = ("outbox", "operations")


async def count_waiting(servers: PrivateServers) -> dict[str, int]:
    """The number of messages or rows that wait in each queue and table."""
    connection = await asyncpg.connect(plain_url(servers))
    try:
        rows = {
            name: int(await connection.fetchval(f"SELECT count(*) FROM {name}")) for name in TABLES
        }
    finally:
        await connection.close()
    return {**rows, **_queued(servers.rabbitmq.url)}


async def read_final(servers: PrivateServers) -> Final:
    """Reads everything that the verdict compares."""
    connection = await asyncpg.connect(plain_url(servers))
    try:
        numbers = await connection.fetch("SELECT phone_number, status, sequence FROM phone_numbers")
        members = await connection.fetch(
            "SELECT phone_number, hunt_group_id FROM hunt_group_members"
        )
        logins = await connection.fetch("SELECT phone_number, device_id FROM handset_logins")
        usage = await connection.fetch(USAGE)
    finally:
        await connection.close()
    return Final(
        numbers={number: (status, sequence) for number, status, sequence in numbers},
        members=frozenset(map(tuple, members)),
        logins=frozenset(map(tuple, logins)),
        usage={(account, site): _whole(counts) for account, site, *counts in usage},
        left=await count_waiting(servers),
    )


async def versions(servers: PrivateServers) -> dict[str, str]:
    """The versions of both servers."""
    connection = await asyncpg.connect(plain_url(servers))
    try:
        postgresql = str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()
    rabbitmq = (await servers.rabbitmq.control("version")).strip()
    return {"RabbitMQ": rabbitmq, "PostgreSQL": postgresql}


def _whole(counts: list[Any]) -> tuple[int, int, int]:
    limit, counted, used = map(int, counts)
    return limit, counted, used


def _queued(url: str) -> dict[str, int]:
    wire = Wire(url)
    try:
        return {queue: _length(wire, queue) for queue in (COMMAND_QUEUE, *QUEUES.values())}
    finally:
        wire.close()


def _length(wire: Wire, queue: str) -> int:
    request = amqp.Queue.Declare(queue=queue, passive=True)
    return wire.call(request, amqp.Queue.DeclareOk).message_count or 0
