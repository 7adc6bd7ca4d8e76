"""The ways of the peers, by the names that their command lines take."""

from tests.benchmarks.peers import one_commit, two_commits

WAYS = {"one-commit": one_commit.activate, "two-commits": two_commits.activate}
"""Each handler says itself what it has stored."""
RELAY = "relay"
"""Another says what the handlers have stored."""
