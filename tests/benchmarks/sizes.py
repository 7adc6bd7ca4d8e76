"""How much is measured: all of it in a quarter of an hour, or a look in two minutes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Size:
    """The size of every part."""

    commands: int
    """Activations in a run against the probe; of deactivations, which say more, a quarter."""
    peer_commands: int
    rounds: int
    latency_seconds: float
    """How long each rate is kept up."""
    latency_rates: tuple[int, ...]
    latency_peer_commands: int
    """At most so many at a rate that is too much for a peer: it falls behind for as long."""
    round_trips: int
    """One at a time, in a turn; in each round both have one."""
    round_trip_rounds: int
    partition_cases: tuple[tuple[int, int], ...]
    """How many partitions, and how many workers."""
    partition_commands: int
    partition_rounds: int
    growth_commands: int
    """In one turn, of which each round has two: short, so that what slows the machine for a second
    slows both."""
    growth_rounds: int
    number_rounds: int
    """The same for how many numbers there are: what costs most must be known best."""
    many_numbers: tuple[int, ...]
    many_ledger_rows: int
    many_active: int
    backlog: int
    backlog_commands: int
    """So many are taken out of it in a round."""
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
