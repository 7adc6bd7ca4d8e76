"""What waiting cannot heal ends `run`, with the sentence that `check` prints."""

import re
from pathlib import Path

import pytest

from tests.support.environments import Environment, environment, unmeasured
from tests.support.installed_command import command
from tests.support.quick import parametrize_quick
from tests.support.servers.running import broker_setting
from worker.cli.exits import Exit
from worker.local import PrivateServers

__all__ = ["environment"]

MARK = "hunter2"


@parametrize_quick(
    "change, code, sentence",
    [
        (("guest:guest", f"guest:{MARK}@"), Exit.SETTINGS, "AMQP_URL: .* write @ as %40"),
        (
            ("test_", "nope_"),
            Exit.UNAVAILABLE,
            r"vhost nope_\w+ not found\): correct the virtual host",
        ),
        (("guest:guest", f"guest:{MARK}"), Exit.UNAVAILABLE, "correct the user and the password"),
        (("amqp://", "amqps://"), Exit.UNAVAILABLE, "does not speak TLS"),
        (("test_", f"test?heartbeat=5s&name={MARK}"), Exit.SETTINGS, "write heartbeat=10"),
    ],
    quick=1,
)
async def test_run_ends_with_the_sentence_of_check(
    environment: Environment, change: tuple[str, str], code: Exit, sentence: str
) -> None:
    wrong = {**environment, "AMQP_URL": environment["AMQP_URL"].replace(*change)}
    await assert_same_end(wrong, code, sentence)


@pytest.mark.campaign
async def test_run_and_check_name_a_broker_that_allows_too_few_channels(
    environment: Environment, servers: PrivateServers
) -> None:
    async with broker_setting(servers, "channel_max", 4):
        await assert_same_end(environment, Exit.UNAVAILABLE, "allows 4 channels on a connection")


@pytest.mark.campaign
async def test_run_and_check_name_a_missing_certificate(
    environment: Environment, tmp_path: Path
) -> None:
    url = environment["AMQP_URL"].replace("amqp://", "amqps://") + f"?cafile={tmp_path}/ca.pem"
    await assert_same_end({**environment, "AMQP_URL": url}, Exit.SETTINGS, "cafile names .*ca.pem")


async def test_check_prints_nothing_but_its_findings_while_both_servers_are_away() -> None:
    away = {"AMQP_URL": "amqp://127.0.0.1:1", "DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    code, output = await command({**unmeasured(), **away}, "check")

    assert code == Exit.UNAVAILABLE
    findings = [line.split(":")[0] for line in output.splitlines()]
    assert [item for item in findings if not item.startswith("skipped ")] == [
        "FAILED  database",
        "FAILED  broker",
    ]


async def assert_same_end(environment: Environment, code: Exit, sentence: str) -> None:
    ends = [await command(environment, *arguments) for arguments in (("check",), ("run",))]
    for ended, output in ends:
        assert ended == code, output
        assert re.search(sentence, output), output
        assert "Traceback" not in output
        assert "never retrieved" not in output
        assert MARK not in output
    (of_check,) = re.findall(f"[^:\n]*{sentence}.*", ends[0][1])
    assert of_check.strip() in ends[1][1]
