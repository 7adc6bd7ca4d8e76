"""Numbers spread over lanes, and lanes over workers."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from worker.core.lanes import DISTRIBUTION, duties, lane_of, rank_of, share

LANES = st.integers(min_value=1, max_value=64)


@given(st.text(), LANES)
def test_a_lane_is_one_of_those_that_there_are(partition_key: str, lanes: int) -> None:
    assert 0 <= lane_of(partition_key, lanes) < lanes


def test_lanes_are_the_same_in_every_version() -> None:
    keys = [f"account-{number}/london" for number in range(8)]

    assert [lane_of(key, 4) for key in keys] == STABLE
    assert {lane_of(key, 1) for key in keys} == {0}


STABLE = [0, 2, 2, 3, 3, 2, 2, 2]


def test_accounts_spread_evenly() -> None:
    for lanes in (2, 3, 4, 8, 16):
        spread = Counter(lane_of(f"account-{number}/london-1", lanes) for number in range(8000))
        assert len(spread) == lanes
        assert max(spread.values()) < 1.2 * min(spread.values())


@given(st.integers(1, 65), st.integers(1, 80))
def test_posts_are_shared_out_evenly_and_all_of_them(posts: int, members: int) -> None:
    shares = [share(posts, members, rank) for rank in range(members)]

    assert sum(shares) == posts
    assert max(shares) - min(shares) <= 1
    assert shares == sorted(shares, reverse=True)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_every_worker_has_a_rank_and_who_holds_more_comes_first(held: list[int]) -> None:
    ranks = [rank_of(place, held) for place in range(len(held))]

    assert sorted(ranks) == list(range(len(held)))
    by_rank = sorted(range(len(held)), key=lambda place: ranks[place])
    assert [held[place] for place in by_rank] == sorted(held, reverse=True)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_what_is_shared_out_evenly_stays_where_it_is(held: list[int]) -> None:
    posts, members = sum(held), len(held)
    shares = [share(posts, members, rank_of(place, held)) for place in range(members)]

    assert (shares == held) == (max(held) - min(held) <= 1)


@given(LANES, st.booleans())
def test_one_post_reads_the_commands_and_the_results(lanes: int, changing: bool) -> None:  # noqa: FBT001
    every = duties(lanes, changing=changing)

    (reader,) = [duty for duty in every if duty.reads_results]
    assert reader.paused == changing
    assert {duty.post for duty in every if duty.has_lane} == set(range(lanes))
    assert (reader.post == DISTRIBUTION) == (lanes > 1)
