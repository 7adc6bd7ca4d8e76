"""What follows of messages that are on their way: stored once they are taken, or not at all."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.support.builders import LATER, NOW, PHONE_NUMBER, POLICY, activate
from tests.support.workers import rows, store
from worker.core.batch import decide_all
from worker.relay.key_ordered_publisher import PublishResult
from worker.relay.process_manager import Concluder
from worker.storage.engine import Database
from worker.storage.loading import load_for_commands
from worker.storage.outbox import OutgoingMessage, Refused
from worker.storage.saving import WriteContext, write_decisions
from worker.storage.session import Session

LANE = 0
SITE = (
    """INSERT INTO voice_services (service_id, account_id, account_kind, site_id, quantity)
    VALUES ('service-1', 'acme', 'occupier', 'london', 2)""",
    f"""INSERT INTO phone_numbers (phone_number, site_id, account_id, status)
    VALUES ('{PHONE_NUMBER}', 'london', 'acme', 'RESERVED')""",
)


@pytest.fixture
async def pending(database: Database) -> Sequence[OutgoingMessage]:
    """A number is PENDING, and this must be said of it."""
    command = activate()

    async def decide(session: Session) -> Sequence[OutgoingMessage]:
        known, places = await load_for_commands(session, [command], NOW)
        (decision,) = decide_all(known, [command], NOW, POLICY)
        basis = WriteContext(LANE, places, NOW)
        return await write_decisions(session, basis, [(command, decision, None)])

    await store(database, *SITE)
    return await database.transact(decide)


@pytest.fixture
def concluder(database: Database) -> Concluder:
    return Concluder(
        database,
        lane=LANE,
        policy=POLICY,
        clock=lambda: LATER,
        results_read_until=lambda until: until,
    )


async def state_of(database: Database) -> list[tuple[object, ...]]:
    # NOWAIT: a lock that was left behind would fail here.
    status = f"SELECT status FROM phone_numbers WHERE phone_number = '{PHONE_NUMBER}'"
    unsent = "SELECT routing_key FROM outbox ORDER BY position"
    return [*await rows(database, f"{status} FOR UPDATE NOWAIT"), *await rows(database, unsent)]


async def test_it_is_stored_as_soon_as_the_broker_has_taken_the_messages(
    database: Database, concluder: Concluder, pending: Sequence[OutgoingMessage]
) -> None:
    said: asyncio.Future[PublishResult] = asyncio.Future()
    noting = asyncio.create_task(concluder.conclude_if_taken([PHONE_NUMBER], pending, said))
    await asyncio.sleep(0.02)
    assert await rows(database, "SELECT status FROM phone_numbers") == [("PENDING",)]
    said.set_result(PublishResult(pending, []))
    noted = await noting

    assert noted is not None
    assert [message.routing_key for message in noted.to_say] == ["phone_number.status.active"]
    assert await state_of(database) == [("ACTIVE",), ("phone_number.status.active",)]


@pytest.mark.parametrize("broker", ["refuses", "is gone", "says nothing"])
async def test_nothing_is_stored_and_no_lock_kept_where_the_broker(
    database: Database, concluder: Concluder, pending: Sequence[OutgoingMessage], broker: str
) -> None:
    said: asyncio.Future[PublishResult] = asyncio.Future()
    if broker == "refuses":
        said.set_result(PublishResult([], [Refused(message, "full") for message in pending]))
    elif broker == "is gone":
        said.cancel()

    assert await concluder.conclude_if_taken([PHONE_NUMBER], pending, said) is None
    assert await state_of(database) == [("PENDING",), ("phone_number.status.pending",)]
    # It can be concluded the ordinary way afterwards.
    assert (await concluder.advance([PHONE_NUMBER], pending)).to_say
