"""One command, one transaction: ledger, row locks, entitlement check, state and outbox.

PENDING and ACTIVE are stored together. That promises less than the worker and `two_commits`, which
publish PENDING before ACTIVE is decided. SQLAlchemy's Core costs less than its ORM.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from activation_contracts.messages import Activate, Entitlement
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import NumberStatus
from sqlalchemy import Row, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tests.benchmarks.peers.events import Values, rejected, status_changed
from tests.benchmarks.peers.schema import ENTITLEMENTS, LEDGER, PHONE_NUMBERS

SERVER_SETTINGS = {"jit": "off", "application_name": "peer"}


class Snapshot(NamedTuple):
    """A number and the entitlement of its account, both locked."""

    number: Row[Any]
    bought: Row[Any]

    def used(self, *, active: int = 0, pending: int = 0) -> Entitlement:
        """The account's usage after these changes."""
        bought = self.bought
        return Entitlement(
            limit=bought.quantity, active=bought.active + active, pending=bought.pending + pending
        )


def engine_for(database_url: str, concurrent_commands: int) -> AsyncEngine:
    """A pool with a connection for each concurrent command, and one for the relay."""
    return create_async_engine(
        database_url,
        pool_size=concurrent_commands + 1,
        max_overflow=0,
        connect_args={"server_settings": SERVER_SETTINGS},
    )


async def decided(connection: AsyncConnection, command: Activate) -> list[Values]:
    """Decides; returns the events for the outbox, none for a repeated command."""
    if not await is_new(connection, command):
        return []
    known = await locked(connection, command)
    if isinstance(known, RefusalCode):
        return [await refused(connection, command, known)]
    before, after = known.used(pending=1), known.used(active=1)
    await move(connection, known, NumberStatus.ACTIVE, after, steps=2)
    return [
        status_changed(command, known.number, before, NumberStatus.PENDING, 1),
        status_changed(command, known.number, after, NumberStatus.ACTIVE, 2),
    ]


async def is_new(connection: AsyncConnection, command: Activate) -> bool:
    """Inserts the command into the ledger; False if it is there already."""
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


async def locked(connection: AsyncConnection, command: Activate) -> Snapshot | RefusalCode:
    """The number and the entitlement, locked; or the refusal."""
    bought, number = await locked_rows(connection, command)
    if number is None:
        return RefusalCode.NUMBER_UNKNOWN
    refusal = _refusal(command, number, bought)
    if refusal is not None or bought is None:
        return refusal or RefusalCode.ENTITLEMENT_EXHAUSTED
    return Snapshot(number, bought)


async def locked_rows(
    connection: AsyncConnection, command: Activate
) -> tuple[Row[Any] | None, Row[Any] | None]:
    """The entitlement and the number, always locked in this order."""
    bought = await _locked_entitlement(connection, command)
    return bought, await _locked_number(connection, command)


async def move(
    connection: AsyncConnection,
    known: Snapshot,
    status: NumberStatus,
    used: Entitlement,
    steps: int,
) -> None:
    """Changes the number's status and its account's usage."""
    await connection.execute(
        update(PHONE_NUMBERS)
        .where(PHONE_NUMBERS.c.phone_number == known.number.phone_number)
        .values(status=status, sequence=known.number.sequence + steps)
    )
    await connection.execute(
        update(ENTITLEMENTS)
        .where(
            ENTITLEMENTS.c.account_id == known.bought.account_id,
            ENTITLEMENTS.c.site_id == known.bought.site_id,
        )
        .values(active=used.active, pending=used.pending)
    )


async def refused(connection: AsyncConnection, command: Activate, code: RefusalCode) -> Values:
    """Records the refusal in the ledger; returns its event."""
    await connection.execute(
        update(LEDGER)
        .where(LEDGER.c.source == command.source, LEDGER.c.command_id == command.id)
        .values(refusal=code)
    )
    return rejected(command, code)


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


def _refusal(command: Activate, number: Row[Any], bought: Row[Any] | None) -> RefusalCode | None:
    data = command.data
    checks = (
        (number.site_id != data.site_id, RefusalCode.SITE_MISMATCH),
        (number.account_id is None, RefusalCode.NUMBER_NOT_ALLOCATED),
        (number.account_id != data.account_id, RefusalCode.ACCOUNT_MISMATCH),
        (number.status != NumberStatus.RESERVED, RefusalCode.NUMBER_NOT_RESERVED),
        (
            bought is None or bought.active + bought.pending + 1 > bought.quantity,
            RefusalCode.ENTITLEMENT_EXHAUSTED,
        ),
    )
    return next((code for applies, code in checks if applies), None)
