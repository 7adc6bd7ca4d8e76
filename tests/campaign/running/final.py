"""Reads the final state of the servers, and counts what still waits in them."""

import asyncpg
from pamqp import commands as amqp

from tests.campaign.judging.ledger import Final, Usage
from tests.campaign.judging.records import Held
from tests.campaign.running.faults import plain_url
from tests.campaign.running.subscriber import QUEUES
from tests.support.faults.amqp_wire import Wire
from worker.local import PrivateServers

INCOMING = (
    *("telephony.phone_number.commands", "telephony.phone_number.commands.bulk"),
    *("telephony.directory", "telephony.pbx.results"),
)
USAGE = """
    SELECT account_id || '/' || site_id, coalesce(bought.quantity, 0)::integer,
        usage.active + usage.pending,
        (SELECT count(*) FROM phone_numbers AS number
         WHERE (number.account_id, number.site_id) = (usage.account_id, usage.site_id)
             AND number.status IN ('ACTIVE', 'PENDING')),
        usage.exceeded
    FROM entitlement_usage AS usage
    LEFT JOIN (
        SELECT account_id, site_id, sum(quantity) AS quantity FROM voice_services
        WHERE coalesce(starts_on, '-infinity') <= current_date
            AND current_date <= coalesce(ends_on, 'infinity')
        GROUP BY account_id, site_id
    ) AS bought USING (account_id, site_id)
"""
NUMBERS = """
    SELECT phone_number, site_id, account_id, extension, main_number, assigned_to, label, features
    FROM phone_numbers
"""
SERVICES = """
    SELECT service_id, account_id, account_kind, site_id, quantity, starts_on::text, ends_on::text
    FROM voice_services
"""
SETTINGS = """
    SELECT phone_number, hunt_group_id, in_hours, out_of_hours, unanswered FROM call_settings
"""
WAITED = "SELECT last_value * is_called::integer FROM waiting_records_position_seq"
ASKED_AGAIN = "SELECT count(*) FROM pbx_steps WHERE attempt > 1"
TABLES = ("outbox", "operations", "waiting_records")


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
        held = Held(
            *[
                {row[0]: dict(row) for row in await connection.fetch(query)}
                for query in (NUMBERS, SERVICES, SETTINGS)
            ]
        )
        waited = await connection.fetchval(WAITED)
        asked_again = await connection.fetchval(ASKED_AGAIN)
    finally:
        await connection.close()
    return Final(
        numbers={number: (status, sequence) for number, status, sequence in numbers},
        members=frozenset(map(tuple, members)),
        logins=frozenset(map(tuple, logins)),
        records=held,
        usage={holder: Usage(*counts) for holder, *counts in usage},
        left=await count_waiting(servers),
        waited=waited,
        asked_again=asked_again,
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


def _queued(url: str) -> dict[str, int]:
    wire = Wire(url)
    try:
        return {queue: _length(wire, queue) for queue in (*INCOMING, *QUEUES.values())}
    finally:
        wire.close()


def _length(wire: Wire, queue: str) -> int:
    request = amqp.Queue.Declare(queue=queue, passive=True)
    return wire.call(request, amqp.Queue.DeclareOk).message_count or 0
