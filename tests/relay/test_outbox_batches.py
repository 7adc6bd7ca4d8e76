"""A batch of the relay holds what people wait for first, and never starves the rest."""

from datetime import UTC, datetime

import pytest

from tests.support.data.inserts import phone_numbers
from tests.support.workers import store
from worker.core.lanes import Lane
from worker.relay.outbox import (
    BATCH_MAXIMUM_MESSAGES,
    BULK_MAXIMUM_MESSAGES,
    DEFERRED_SHARE_MESSAGES,
    SURPLUS_MAXIMUM_MESSAGES,
    next_batch,
)
from worker.storage.connecting.engine import Database
from worker.storage.outbox.messages import OutgoingMessage, load_messages

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
INTERACTIVE, SURPLUS, BULK = Lane


def messages(lane: Lane, count: int) -> list[OutgoingMessage]:
    return [message(place, lane) for place in range(count)]


def message(place: int, lane: Lane) -> OutgoingMessage:
    return OutgoingMessage(
        position=place,
        subject=f"+44{place:010}",
        message_id=f"message-{place}",
        message_type="test",
        exchange="telephony.events",
        routing_key="phone_number.status.active",
        correlation_id="story",
        must_be_routed=False,
        holds_operation=False,
        awaited=False,
        ordered=True,
        body=b"{}",
        decided_at=NOW,
        queued_at=NOW,
        attempts=0,
        lane=lane,
        deferred=lane > INTERACTIVE,
    )


@pytest.mark.parametrize(
    ("interactive", "surplus", "bulk", "people_wait", "taken"),
    [
        (10, 0, 0, True, (10, 0, 0)),
        (1000, 0, 0, True, (1000, 0, 0)),
        (1000, 500, 0, True, (900, 100, 0)),
        (1000, 0, 500, True, (900, 0, 100)),
        (1000, 0, 30, True, (970, 0, 30)),
        (10, 1000, 0, True, (10, SURPLUS_MAXIMUM_MESSAGES, 0)),
        (0, 1000, 0, True, (0, SURPLUS_MAXIMUM_MESSAGES, 0)),
        (0, 1000, 0, False, (0, 1000, 0)),
        (10, 0, 1000, True, (10, 0, BULK_MAXIMUM_MESSAGES)),
        (0, 0, 1000, False, (0, 0, BULK_MAXIMUM_MESSAGES)),
    ],
)
def test_a_batch_takes_what_people_wait_for_and_leaves_room_for_the_rest(
    interactive: int, surplus: int, bulk: int, *, people_wait: bool, taken: tuple[int, int, int]
) -> None:
    loaded = [
        *messages(INTERACTIVE, interactive),
        *messages(SURPLUS, surplus),
        *messages(BULK, bulk),
    ]
    batch = next_batch(loaded, people_wait=people_wait)
    lanes = [item.lane for item in batch]

    assert tuple(lanes.count(lane) for lane in Lane) == taken
    assert lanes == sorted(lanes)
    assert len(batch) <= BATCH_MAXIMUM_MESSAGES
    assert taken[1] + taken[2] >= min(surplus + bulk, DEFERRED_SHARE_MESSAGES)


PUT = """
INSERT INTO outbox (partition, subject, holds_operation, message_id, message_type, exchange,
    routing_key, correlation_id, must_be_routed, body, decided_at, queued_at, lane)
SELECT 0, subject, false, name, 'type', 'telephony.events', 'key', 'c', false, '', now(), now(),
    lane
FROM unnest(CAST(:names AS text[]), CAST(:subjects AS text[]), CAST(:lanes AS smallint[]))
    WITH ORDINALITY AS row (name, subject, lane, place)
ORDER BY place
"""


async def loaded(database: Database, *rows: tuple[str, str, Lane]) -> list[str]:
    """The ids in the order in which they are loaded; each row is id, subject and lane."""
    names, subjects, lanes = zip(*rows, strict=True)
    quoted = (", ".join(f"'{value}'" for value in values) for values in (names, subjects, lanes))
    put = PUT
    for name, values in zip(("names", "subjects", "lanes"), quoted, strict=True):
        put = put.replace(f":{name}", f"ARRAY[{values}]")
    await store(database, phone_numbers("+442079460001"), put)
    async with database.session() as session:
        found = await load_messages(session, 0, NOW, 100)
    return [item.message_id for item in found]


async def test_messages_that_people_wait_for_are_loaded_before_earlier_bulk_ones(
    database: Database,
) -> None:
    order = await loaded(
        database,
        ("bulk-1", "+442079460001", BULK),
        ("surplus", "+442079460002", SURPLUS),
        ("click", "+442079460003", INTERACTIVE),
        ("bulk-2", "+442079460001", BULK),
    )

    assert order == ["click", "bulk-1", "surplus", "bulk-2"]


async def test_messages_of_one_number_keep_their_order_whatever_their_lanes(
    database: Database,
) -> None:
    order = await loaded(
        database,
        ("first", "+442079460001", INTERACTIVE),
        ("second", "+442079460001", BULK),
        ("third", "+442079460001", INTERACTIVE),
        ("click", "+442079460003", INTERACTIVE),
    )

    assert order == ["click", "first", "second", "third"]
