"""The clocks of the database and of this host are compared, as well as can be told from here."""

from datetime import UTC, datetime, timedelta

import pytest

from worker.operator.preparing.clocks import SKEW_ALLOWED, find_skew
from worker.storage.connecting.engine import Database


async def test_equal_clocks_are_in_order(database: Database) -> None:
    async with database.session() as session:
        assert await find_skew(session) is None


@pytest.mark.parametrize(
    ("off", "sentence"), [(-60, "60 seconds ahead of"), (60, "60 seconds behind")]
)
async def test_clocks_that_differ_are_named_with_the_remedy(
    database: Database, off: int, sentence: str
) -> None:
    async with database.session() as session:
        found = await find_skew(session, lambda: datetime.now(UTC) + timedelta(seconds=off))

    assert found is not None
    assert sentence in found
    assert "NTP" in found


async def test_a_slow_answer_is_not_taken_for_a_difference(database: Database) -> None:
    late = iter(datetime.now(UTC) + timedelta(minutes=minutes) for minutes in (-9, 9) * 3)
    async with database.session() as session:
        assert await find_skew(session, lambda: next(late)) is None
    assert timedelta(minutes=9) > SKEW_ALLOWED
