"""A message that kills the worker is found, and no innocent one is put away with it."""

from hypothesis import given
from hypothesis import strategies as st

from worker.core.poison import GIVEN_UP_AFTER_ATTEMPTS, is_given_up, together

MAXIMUM = st.integers(1, 1000)
ATTEMPTS = st.lists(st.integers(0, GIVEN_UP_AFTER_ATTEMPTS + 2), min_size=1, max_size=300)


@given(st.integers(1, 300), MAXIMUM)
def test_what_was_never_begun_is_handled_together(waiting: int, maximum: int) -> None:
    assert together([0] * waiting, maximum) == min(waiting, maximum)


@given(ATTEMPTS, MAXIMUM)
def test_a_batch_has_at_least_one_message_and_no_more_than_allowed(
    attempts: list[int], maximum: int
) -> None:
    assert 1 <= together(attempts, maximum) <= min(len(attempts), maximum)


@given(ATTEMPTS, MAXIMUM, st.data())
def test_more_attempts_never_make_a_batch_larger(
    attempts: list[int], maximum: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(attempts) - 1))
    worse = [*attempts[:place], attempts[place] + 1, *attempts[place + 1 :]]
    assert together(worse, maximum) <= together(attempts, maximum)


@given(st.integers(0, 299), st.integers(1, 300), MAXIMUM)
def test_the_one_that_kills_is_given_up_and_nobody_else(
    place: int, waiting: int, maximum: int
) -> None:
    culprit = place % waiting
    attempts = dict.fromkeys(range(waiting), 0)
    given_up: list[int] = []
    while attempts:
        # One life of the worker: batch after batch, until the culprit is in one.
        while attempts:
            front = [*attempts]
            if is_given_up(attempts[front[0]]):
                given_up.append(front[0])
                del attempts[front[0]]
                continue
            batch = front[: together([attempts[name] for name in front], maximum)]
            for name in batch:
                attempts[name] += 1
            if culprit in batch:
                break
            for name in batch:
                del attempts[name]

    assert given_up == [culprit]
