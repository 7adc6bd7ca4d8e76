"""The database's clock: carried on without this machine's, and never ahead of the database's."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.storage.connecting.clock import DatabaseClock
from worker.storage.connecting.engine import Database
from worker.storage.connecting.errors import DatabaseUnavailable

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SECONDS = st.floats(0, 10_000)


class Elapsed:
    """A monotonic clock that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_time_is_unknown_before_the_first_session() -> None:
    with pytest.raises(DatabaseUnavailable):
        DatabaseClock().now()


@given(answer=SECONDS, waits=st.lists(SECONDS, max_size=5))
def test_time_is_behind_the_database_by_the_delay_of_the_answer_and_never_ahead(
    answer: float, waits: list[float]
) -> None:
    elapsed = Elapsed()
    clock = DatabaseClock(elapsed)
    elapsed.seconds = answer
    clock.observe(NOON)  # read `answer` seconds ago
    for seconds in waits:
        elapsed.seconds += seconds
        behind = NOON + timedelta(seconds=elapsed.seconds) - clock.now()
        assert abs(behind - timedelta(seconds=answer)) < timedelta(milliseconds=1)


def test_a_new_observation_replaces_the_earlier_one() -> None:
    clock = DatabaseClock(Elapsed())
    clock.observe(NOON)
    clock.observe(NOON - timedelta(hours=1))

    assert clock.now() == NOON - timedelta(hours=1)


async def test_a_session_observes_the_time_of_the_database(database: Database) -> None:
    async with database.session() as session:
        before = await session.driver.fetchval("SELECT clock_timestamp()")
        now = database.clock.now()

    assert abs(now - before) < timedelta(minutes=1)
