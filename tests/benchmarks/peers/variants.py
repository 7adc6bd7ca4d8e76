"""The variants of the peers, by the names on their command lines."""

from tests.benchmarks.peers import one_commit, two_commits

VARIANTS = {"one-commit": one_commit.activate, "two-commits": two_commits.activate}
"""In these, each handler publishes what it has stored."""
RELAY = "relay"
"""In this one, a relay publishes."""
