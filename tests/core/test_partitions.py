"""Numbers spread over partitions, and assignments over workers."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from worker.core.partitions import ROUTER, Layout, assignments, partition_of, quota, rank_of

PARTITIONS = st.integers(min_value=1, max_value=64)
STABLE = [0, 2, 2, 3, 3, 2, 2, 2]


@given(st.text(), PARTITIONS)
def test_every_key_has_one_of_the_partitions(partition_key: str, partitions: int) -> None:
    assert 0 <= partition_of(partition_key, partitions) < partitions


def test_a_key_has_the_same_partition_in_every_version() -> None:
    keys = [f"account-{number}/london" for number in range(8)]

    assert [partition_of(key, 4) for key in keys] == STABLE
    assert {partition_of(key, 1) for key in keys} == {0}


def test_accounts_spread_evenly_over_partitions() -> None:
    for partitions in (2, 3, 4, 8, 16):
        keys = (f"account-{number}/london-1" for number in range(8000))
        spread = Counter(partition_of(key, partitions) for key in keys)
        assert len(spread) == partitions
        assert max(spread.values()) < 1.2 * min(spread.values())


@given(st.integers(1, 65), st.integers(1, 80))
def test_quotas_are_even_and_cover_every_assignment(every: int, members: int) -> None:
    quotas = [quota(every, members, rank) for rank in range(members)]

    assert sum(quotas) == every
    assert max(quotas) - min(quotas) <= 1
    assert quotas == sorted(quotas, reverse=True)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
def test_each_worker_has_a_rank_and_the_one_that_holds_more_comes_first(held: list[int]) -> None:
    ranks = [rank_of(place, held) for place in range(len(held))]

    assert sorted(ranks) == list(range(len(held)))
    by_rank = sorted(range(len(held)), key=lambda place: ranks[place])
    assert [held[place] for place in by_rank] == sorted(held, reverse=True)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=6))
def test_assignments_that_are_shared_out_evenly_stay_where_they_are(held: list[int]) -> None:
    every, members = sum(held), len(held)
    quotas = [quota(every, members, rank_of(place, held)) for place in range(members)]

    assert (quotas == held) == (max(held) - min(held) <= 1)


@given(st.builds(Layout, PARTITIONS, st.just(value=True)) | st.just(Layout()))
def test_one_assignment_reads_the_results_and_the_router_does_where_there_is_one(
    layout: Layout,
) -> None:
    every = assignments(layout)

    (reader,) = [assignment for assignment in every if assignment.reads_results]
    assert reader.is_router == (reader.partition == ROUTER) == layout.routed
    partitions = {assignment.partition for assignment in every if not assignment.is_router}
    assert partitions == set(range(layout.partitions))
