"""The channels that a session needs."""

from activation_contracts.catalogue import CATALOGUE

from worker.broker.session import CHANNELS_PER_PARTITION


def test_a_partition_may_have_a_channel_for_each_kind_of_message() -> None:
    kinds = {
        (row.exchange, row.routing_key.partition(".")[0])
        for row in CATALOGUE
        if row.direction == "published"
    }

    # And one for previews, and one to test whether the broker answers.
    assert len(kinds) + 2 <= CHANNELS_PER_PARTITION
