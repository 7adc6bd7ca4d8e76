"""How much each subject measures: 15 minutes in full, 2 minutes with `--quick`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """The size of every subject."""

    commands: int
    """Activations in a run; a quarter as many deactivations, each of which has more messages."""
    peer_commands: int
    rounds: int
    latency_seconds: float
    """The duration of each rate."""
    latency_rates: tuple[int, ...]
    latency_peer_commands: int
    """The maximum at a rate: a peer that cannot keep up falls behind without end."""
    round_trips: int
    """Lone commands in a turn; worker and probe have one turn in each round."""
    round_trip_rounds: int
    directory_rounds: int
    click_rounds: int
    partition_cases: tuple[tuple[int, int], ...]
    """Numbers of partitions and of workers."""
    partition_commands: int
    partition_rounds: int
    growth_commands: int
    """In one turn; each round has two. Short turns, so that a slow second affects both."""
    growth_rounds: int
    number_rounds: int
    """Rounds for the cases with many numbers: the ratios nearest to the floor need the most."""
    many_numbers: tuple[int, ...]
    many_ledger_rows: int
    many_active: int
    backlog: int
    backlog_commands: int
    """Taken from the backlog in a round."""
    backlog_rounds: int
    memory_commands: int
    large_messages: int
    huge_messages: int
    starts: int


FULL = Size(
    commands=20_000,
    peer_commands=1_000,
    rounds=3,
    latency_seconds=5,
    latency_rates=(50, 200, 1000),
    latency_peer_commands=2_000,
    round_trips=20,
    round_trip_rounds=50,
    directory_rounds=3,
    click_rounds=4,
    partition_cases=((1, 1), (2, 2), (4, 2), (2, 3)),
    partition_commands=4_000,
    partition_rounds=2,
    growth_commands=1_200,
    growth_rounds=22,
    number_rounds=30,
    many_numbers=(100_000, 1_000_000),
    many_ledger_rows=2_000_000,
    many_active=20_000,
    backlog=200_000,
    backlog_commands=6_000,
    backlog_rounds=12,
    memory_commands=300_000,
    large_messages=2_000,
    huge_messages=300,
    starts=5,
)
QUICK = Size(
    commands=2_500,
    peer_commands=300,
    rounds=1,
    latency_seconds=2,
    latency_rates=(50, 200),
    latency_peer_commands=300,
    round_trips=10,
    round_trip_rounds=5,
    directory_rounds=1,
    click_rounds=1,
    partition_cases=((1, 1), (2, 3)),
    partition_commands=800,
    partition_rounds=1,
    growth_commands=800,
    growth_rounds=3,
    number_rounds=3,
    many_numbers=(50_000,),
    many_ledger_rows=50_000,
    many_active=5_000,
    backlog=8_000,
    backlog_commands=2_000,
    backlog_rounds=1,
    memory_commands=8_000,
    large_messages=500,
    huge_messages=100,
    starts=2,
)
