"""Held commands are taken in rounds: no account waits for the burst of another."""

from collections import Counter, defaultdict
from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from tests.consuming.deliveries import Sent, burst, delivery, delivery_of
from worker.consuming.ordering.fair_order import ROUND_COMMANDS, FairOrder
from worker.core.lanes import Lane


def order_of(*commands: Sent) -> FairOrder:
    order = FairOrder()
    for sent in commands:
        order.append(delivery(sent))
    return order


def taken(order: FairOrder) -> list[int]:
    """The places of all commands in the order in which they are taken."""
    return [order.popleft().tag for _ in range(len(order))]


def test_a_lone_account_keeps_the_order_of_arrival() -> None:
    assert taken(order_of(*burst("acme", 500))) == list(range(500))


def test_accounts_within_their_share_keep_the_order_of_arrival() -> None:
    mixed = [Sent(place, f"account-{place % 7}", f"+44{place:010}") for place in range(300)]

    assert taken(order_of(*mixed)) == list(range(300))


def test_a_click_waits_for_one_round_of_the_burst_of_another_account() -> None:
    order = order_of(*burst("acme", 20_000), Sent(20_000, "globex", "+442079460000"))

    assert taken(order).index(20_000) == ROUND_COMMANDS


def test_a_click_during_a_burst_waits_for_the_rest_of_the_round() -> None:
    order = order_of(*burst("acme", 2_000))
    for _ in range(ROUND_COMMANDS // 2):
        order.popleft()
    order.append(delivery(Sent(2_000, "globex", "+442079460000")))

    assert taken(order).index(2_000) == ROUND_COMMANDS // 2


def test_of_any_1000_commands_two_waiting_accounts_have_half_each() -> None:
    commands = [*burst("acme", 5_000), *burst("globex", 5_000, first=5_000)]
    places = taken(order_of(*commands))

    for first in range(0, 9_000, 500):
        of = Counter(place < 5_000 for place in places[first : first + 1_000])
        assert abs(of[True] - of[False]) <= 2 * ROUND_COMMANDS


def test_commands_beyond_the_share_of_an_account_are_surplus() -> None:
    order = order_of(*burst("acme", ROUND_COMMANDS + 1), Sent(99, "globex", "+442079460000"))
    deliveries = [order.popleft() for _ in range(len(order))]

    assert [it.tag for it in deliveries if it.lane == Lane.SURPLUS] == [ROUND_COMMANDS]


def test_an_account_that_waits_alone_again_has_its_whole_share() -> None:
    order = order_of(*burst("acme", ROUND_COMMANDS))
    taken(order)
    order.append(delivery(Sent(1_000, "acme", "+442079460000")))

    assert order.popleft().lane == Lane.INTERACTIVE


def test_accounts_whose_rounds_are_over_are_forgotten() -> None:
    order = order_of(*burst("acme", 2))
    for place in range(100):
        order.append(delivery(Sent(place, f"account-{place}", f"+44{place:010}")))
        order.append(delivery(Sent(1_000 + place, "acme", f"+43{place:010}")))
        order.popleft()
        order.popleft()

    assert len(order) == 2
    assert order.accounts <= ROUND_COMMANDS + 2


def test_commands_that_cannot_be_read_share_a_place() -> None:
    order = FairOrder()
    for place in range(3 * ROUND_COMMANDS):
        order.append(delivery_of(b"no command", place))
    order.append(delivery(Sent(1_000, "acme", "+442079460000")))

    assert taken(order).index(1_000) == ROUND_COMMANDS


steps = st.lists(
    st.one_of(
        st.tuples(st.integers(0, 3), st.integers(0, 5)).map(
            lambda pair: Sent(0, f"account-{pair[0]}", f"+4420794600{pair[1]:02}")
        ),
        st.none(),  # takes the next command
    ),
    max_size=60,
)


@given(steps)
def test_commands_of_one_number_are_taken_in_their_order_whatever_account_they_name(
    steps: list[Sent | None],
) -> None:
    order = FairOrder(round_commands=2)
    arrived: dict[str, list[int]] = defaultdict(list)
    handled: dict[str, list[int]] = defaultdict(list)
    number_of: dict[int, str] = {}

    def take() -> None:
        foreseen = next(iter(order)).tag
        tag = order.popleft().tag
        assert tag == foreseen
        handled[number_of[tag]].append(tag)

    for place, step in enumerate(steps):
        if step is not None:
            arrived[step.number].append(place)
            number_of[place] = step.number
            order.append(delivery(step._replace(place=place)))
        elif len(order):
            take()
    assert len(list(islice(order, 100))) == len(order)
    while len(order):
        take()

    assert handled == arrived
