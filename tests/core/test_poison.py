"""Isolation finds the message that kills the worker, and no other message becomes poison."""

from hypothesis import given
from hypothesis import strategies as st

from worker.core.poison import POISON_AFTER_ATTEMPTS, batch_limit, is_poison

MAXIMUM = st.integers(1, 1000)
ATTEMPTS = st.lists(st.integers(0, POISON_AFTER_ATTEMPTS + 2), min_size=1, max_size=300)


@given(st.integers(1, 300), MAXIMUM)
def test_messages_without_attempts_form_the_largest_batch(waiting: int, maximum: int) -> None:
    assert batch_limit([0] * waiting, maximum) == min(waiting, maximum)


@given(ATTEMPTS, MAXIMUM)
def test_a_batch_has_between_one_and_the_maximum_of_messages(
    attempts: list[int], maximum: int
) -> None:
    assert 1 <= batch_limit(attempts, maximum) <= min(len(attempts), maximum)


@given(ATTEMPTS, MAXIMUM, st.data())
def test_more_attempts_never_make_a_batch_larger(
    attempts: list[int], maximum: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(attempts) - 1))
    more_attempts = [*attempts[:index], attempts[index] + 1, *attempts[index + 1 :]]
    assert batch_limit(more_attempts, maximum) <= batch_limit(attempts, maximum)


@given(st.integers(0, 299), st.integers(1, 300), MAXIMUM)
def test_only_the_killing_message_becomes_poison(index: int, waiting: int, maximum: int) -> None:
    killer = index % waiting
    attempts = dict.fromkeys(range(waiting), 0)
    poisoned: list[int] = []
    while attempts:
        # One run of the worker: batch after batch, until the killing message is in one.
        while attempts:
            front = [*attempts]
            if is_poison(attempts[front[0]]):
                poisoned.append(front[0])
                del attempts[front[0]]
                continue
            batch = front[: batch_limit([attempts[message] for message in front], maximum)]
            for message in batch:
                attempts[message] += 1
            if killer in batch:
                break
            for message in batch:
                del attempts[message]

    assert poisoned == [killer]
