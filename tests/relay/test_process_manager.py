"""The process manager advances operations that were confirmed or that are due."""

from collections.abc import Sequence

import pytest

from tests.support.data.builders import LATER, NOW, PHONE_NUMBER, POLICY, activate
from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.workers import rows, store
from worker.core.batch import decide_all
from worker.relay.key_ordered_publisher import PublishResult
from worker.relay.process_manager import ProcessManager
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Session
from worker.storage.loading import load_for_commands
from worker.storage.outbox.messages import OutgoingMessage, Undelivered, load_messages
from worker.storage.saving import Decided, WriteContext, save_decisions
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

PARTITION = 0
SITE = (voice_service(2), phone_numbers(PHONE_NUMBER))


@pytest.fixture
async def pending(database: Database) -> Sequence[OutgoingMessage]:
    """The messages of a number that has become PENDING."""
    command = activate()

    async def decide(session: Session) -> Sequence[OutgoingMessage]:
        snapshot = await load_for_commands(session, [command], NOW)
        (decision,) = decide_all(snapshot, [command], NOW, POLICY)
        await save_decisions(session, WriteContext(PARTITION, NOW), [Decided(command, decision)])
        return await load_messages(session, PARTITION, NOW, 10)

    await store(database, *SITE)
    return await database.transact(decide)


@pytest.fixture
def process_manager(database: Database) -> ProcessManager:
    return ProcessManager(
        database,
        partition=PARTITION,
        partitions=1,
        policy=POLICY,
        clock=lambda: LATER,
        reporter=Reporter(Metrics()),
        results_read_until=lambda until: until,
    )


async def state_of(database: Database) -> list[tuple[object, ...]]:
    """The number's status and the routing keys of its outbox messages."""
    return [
        *await rows(database, "SELECT status FROM phone_numbers"),
        *await rows(database, "SELECT routing_key FROM outbox ORDER BY position"),
    ]


async def test_a_confirmed_pending_event_completes_an_activation_without_awaited_steps(
    database: Database, process_manager: ProcessManager, pending: Sequence[OutgoingMessage]
) -> None:
    await process_manager.record(PublishResult(pending, []))

    assert await state_of(database) == [("ACTIVE",), ("phone_number.status.active",)]


async def test_recording_the_same_confirm_twice_changes_nothing_more(
    database: Database, process_manager: ProcessManager, pending: Sequence[OutgoingMessage]
) -> None:
    # This happens after a lost answer to COMMIT.
    await process_manager.record(PublishResult(pending, []))
    await process_manager.record(PublishResult(pending, []))

    assert await state_of(database) == [("ACTIVE",), ("phone_number.status.active",)]


async def test_a_refused_pending_event_waits_for_its_next_attempt_and_can_become_late(
    database: Database, process_manager: ProcessManager, pending: Sequence[OutgoingMessage]
) -> None:
    undelivered = [Undelivered(message, "full") for message in pending]
    await process_manager.record(PublishResult([], undelivered))

    assert await state_of(database) == [("PENDING",), ("phone_number.status.pending",)]
    (due,) = await rows(database, "SELECT due_at = at_risk_at FROM operations")
    assert due == (True,)


async def test_an_operation_is_not_due_before_its_messages_were_offered_to_the_broker(
    database: Database, process_manager: ProcessManager, pending: Sequence[OutgoingMessage]
) -> None:
    assert pending
    assert await rows(database, "SELECT due_at FROM operations") == [(None,)]
    assert await process_manager.advance_due(10) == 0
