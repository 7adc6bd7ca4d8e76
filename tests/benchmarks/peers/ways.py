"""The ways in which a handler says itself what it has stored."""

from tests.benchmarks.peers import one_commit, two_commits

WAYS = {"one-commit": one_commit.activate, "two-commits": two_commits.activate}
RELAY = "relay"
