"""The version of the broker: too old, known, or newer than what is tested."""

import pytest

from worker.broker.connecting.connection import BrokerRefused, connect
from worker.broker.version import NEWEST_TESTED_VERSION, judge_version, require_version


async def test_the_broker_of_the_tests_is_a_known_one(amqp_url: str) -> None:
    async with await connect([amqp_url]) as connection:
        assert require_version(connection) == []


def test_a_version_before_safe_dead_lettering_is_refused() -> None:
    with pytest.raises(BrokerRefused, match=r"RabbitMQ 3\.9\.29 can lose dead letters"):
        judge_version("3.9.29")


@pytest.mark.parametrize("version", ["3.10.0", "3.13.7", "4.0.5"])
def test_versions_that_are_known_lead_to_no_remark(version: str) -> None:
    assert judge_version(version) == []


def test_a_newer_version_is_remarked() -> None:
    major, minor = NEWEST_TESTED_VERSION
    (risk,) = judge_version(f"{major}.{minor + 1}.0-rc.1")

    assert "try it outside production first" in risk


def test_a_broker_that_hides_its_version_is_remarked() -> None:
    (risk,) = judge_version("")

    assert "make sure that it is 3.10 or newer" in risk
