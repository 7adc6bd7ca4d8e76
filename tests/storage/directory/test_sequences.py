"""The sequence of a number goes on after its deletion, whatever happens in one batch."""

from collections.abc import Sequence

import pytest

from tests.support.data.builders import NOW, PHONE_NUMBER
from tests.support.data.stating import deleted, number, number_key, stated
from tests.support.workers import rows
from worker.core.directory.change import Change
from worker.storage.connecting.engine import Database
from worker.storage.directory.applying import apply_changes
from worker.storage.directory.saving import DirectoryContext

SEQUENCES = """SELECT sequence FROM phone_numbers
    UNION ALL SELECT sequence FROM deleted_numbers"""


@pytest.mark.parametrize(
    ("batches", "sequence"),
    [
        ([[stated(number(), 1), deleted(number_key(), 2)]], 1),
        ([[stated(number(), 1)], [deleted(number_key(), 2)]], 1),
        (
            [
                [stated(number(), 1), deleted(number_key(), 2)],
                [stated(number(), 3), deleted(number_key(), 4)],
                [stated(number(), 5)],
            ],
            4,
        ),
    ],
)
async def test_a_sequence_outlives_its_number(
    database: Database, batches: Sequence[Sequence[Change]], sequence: int
) -> None:
    for changes in batches:
        async with database.transaction() as session:
            await apply_changes(session, DirectoryContext(1, NOW), changes)

    assert await rows(database, SEQUENCES) == [(sequence,)]
    published = "SELECT count(*) FROM outbox WHERE subject = '" + PHONE_NUMBER + "'"
    assert await rows(database, published) == [(sequence,)]
