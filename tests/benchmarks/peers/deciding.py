"""One command, one transaction: ledger, row locks, entitlement check, state and outbox.

PENDING and ACTIVE are stored in one transaction, which is the fastest that this way of working can
be: one commit for each command, where the worker makes PENDING known before ACTIVE is decided.
The statements are those of SQLAlchemy's Core, which cost less than its ORM.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from contracts.messages import Activate, Entitlement
from contracts.refusals import RefusalCode
from contracts.values import NumberStatus
from tests.benchmarks.peers.schema import ENTITLEMENTS, LEDGER, OUTBOX, PHONE_NUMBERS
from tests.benchmarks.peers.speech import Values, rejected, status_changed

SERVER_SETTINGS = {"jit": "off", "application_name": "peer"}


def engine_for(database_url: str, concurrent_commands: int) -> AsyncEngine:
    """A pool with a connection for each command under way, and one for the relay."""
    return create_async_engine(
        database_url,
        pool_size=concurrent_commands + 1,
        max_overflow=0,
        connect_args={"server_settings": SERVER_SETTINGS},
    )


async def activate(engine: AsyncEngine, command: Activate) -> None:
    """Decides and stores; nothing happens when the command came before."""
    async with engine.begin() as connection:
        if await _is_new(connection, command):
            await connection.execute(insert(OUTBOX), await _decided(connection, command))


async def _is_new(connection: AsyncConnection, command: Activate) -> bool:
    kept = await connection.scalar(
        insert_or_skip(LEDGER)
        .values(
            source=command.source,
            command_id=command.id,
            operation="activate",
            phone_number=command.data.phone_number,
            received_at=datetime.now(UTC),
        )
        .on_conflict_do_nothing()
        .returning(LEDGER.c.command_id)
    )
    return kept is not None


async def _decided(connection: AsyncConnection, command: Activate) -> list[Values]:
    # The account first, like everybody who locks both.
    bought = await _locked_entitlement(connection, command)
    number = await _locked_number(connection, command)
    refusal = _refusal(command, number, bought)
    if refusal is not None or number is None or bought is None:
        return await _refused(connection, command, refusal or RefusalCode.NUMBER_UNKNOWN)
    await connection.execute(
        update(PHONE_NUMBERS)
        .where(PHONE_NUMBERS.c.phone_number == number.phone_number)
        .values(status=NumberStatus.ACTIVE, sequence=number.sequence + 2)
    )
    await connection.execute(
        update(ENTITLEMENTS)
        .where(
            ENTITLEMENTS.c.account_id == bought.account_id,
            ENTITLEMENTS.c.site_id == bought.site_id,
        )
        .values(active=bought.active + 1)
    )
    before = Entitlement(limit=bought.quantity, active=bought.active, pending=bought.pending + 1)
    after = Entitlement(limit=bought.quantity, active=bought.active + 1, pending=bought.pending)
    return [
        status_changed(command, number, before, NumberStatus.PENDING, 1),
        status_changed(command, number, after, NumberStatus.ACTIVE, 2),
    ]


async def _locked_entitlement(connection: AsyncConnection, command: Activate) -> Row[Any] | None:
    found = await connection.execute(
        select(ENTITLEMENTS)
        .where(
            ENTITLEMENTS.c.account_id == command.data.account_id,
            ENTITLEMENTS.c.site_id == command.data.site_id,
        )
        .with_for_update()
    )
    return found.one_or_none()


async def _locked_number(connection: AsyncConnection, command: Activate) -> Row[Any] | None:
    found = await connection.execute(
        select(PHONE_NUMBERS)
        .where(PHONE_NUMBERS.c.phone_number == command.data.phone_number)
        .with_for_update()
    )
    return found.one_or_none()


def _refusal(
    command: Activate, number: Row[Any] | None, bought: Row[Any] | None
) -> RefusalCode | None:
    data = command.data
    checks = (
        (number is None, RefusalCode.NUMBER_UNKNOWN),
        (number and number.site_id != data.site_id, RefusalCode.SITE_MISMATCH),
        (number and number.account_id is None, RefusalCode.NUMBER_NOT_ALLOCATED),
        (number and number.account_id != data.account_id, RefusalCode.ACCOUNT_MISMATCH),
        (number and number.status != NumberStatus.RESERVED, RefusalCode.NUMBER_NOT_RESERVED),
        (
            bought is None or bought.active + bought.pending + 1 > bought.quantity,
            RefusalCode.ENTITLEMENT_EXHAUSTED,
        ),
    )
    return next((code for applies, code in checks if applies), None)


async def _refused(
    connection: AsyncConnection, command: Activate, code: RefusalCode
) -> list[Values]:
    await connection.execute(
        update(LEDGER)
        .where(LEDGER.c.source == command.source, LEDGER.c.command_id == command.id)
        .values(refusal=code)
    )
    return [rejected(command, code)]
