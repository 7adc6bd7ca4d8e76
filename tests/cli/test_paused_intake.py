"""What looks at commands that wait says that the intake is paused: by whom, since when and why."""

import json

import pytest

from tests.support.command_line import Invoke
from tests.support.data.inserts import phone_numbers
from tests.support.dead_letters import until_there
from tests.support.platform import Platform
from tests.support.workers import store
from worker.cli.exits import Exit
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
COMMAND = ("activate", NUMBER, "--account", "acme", "--site", "london")
QUEUE = "telephony.phone_number.commands"
PAUSED = "by Ada: an upgrade. Commands wait in their queues until an operator runs"


@pytest.fixture(autouse=True)
async def _paused(database: Database, invoke: Invoke) -> None:
    await store(database, phone_numbers(NUMBER))
    result = await invoke("pause", "--by", "Ada", "--why", "an upgrade")
    assert result.exit_code == Exit.DONE


async def test_show_says_that_a_command_may_wait_in_the_paused_queue(
    invoke: Invoke, platform: Platform
) -> None:
    for _ in range(2):
        await invoke("send", *COMMAND)
    await until_there(platform, QUEUE, 2)
    shown = (await invoke("show", NUMBER)).output

    assert "the worker has received no command for it" in shown
    assert "Ask the web tier" not in shown
    assert "2 commands wait in the queues, and one of them may be for this number." in shown
    assert "The intake is paused since 2" in shown
    assert PAUSED in shown


async def test_show_needs_no_broker_to_say_that_the_intake_is_paused(invoke: Invoke) -> None:
    result = await invoke("show", NUMBER, AMQP_URL="amqp://guest:guest@127.0.0.1:1/")

    assert result.exit_code == Exit.DONE
    assert "A command for it may wait in a queue, unread." in result.output
    assert PAUSED in result.output


async def test_pending_names_the_pause_beside_its_list(invoke: Invoke) -> None:
    listed, as_json = await invoke("pending"), await invoke("pending", "--json")

    assert PAUSED in listed.output
    assert listed.stdout == "0 under way, 0 outstanding after the end\n"
    assert json.loads(as_json.stdout) == []


async def test_partitions_names_the_pause(invoke: Invoke) -> None:
    assert PAUSED in (await invoke("partitions")).output
    assert json.loads((await invoke("partitions", "--json")).output)["pause"]["by"] == "Ada"


@pytest.mark.parametrize(("options", "then"), [((), "See"), (("--preview",), "Nothing was")])
async def test_send_blames_the_pause_and_no_worker(
    invoke: Invoke, options: tuple[str, ...], then: str
) -> None:
    result = await invoke("send", *COMMAND, *options, "--wait", "--timeout", "0.2")

    assert result.exit_code == Exit.TIMED_OUT
    assert f"{PAUSED} `activation-worker resume`. {then}" in result.stderr
    assert "no worker may be running" not in result.stderr


async def test_send_makes_no_claim_about_a_pause_that_it_cannot_read(invoke: Invoke) -> None:
    away = "postgresql://worker@127.0.0.1:1/numbers"
    result = await invoke("send", *COMMAND, "--wait", "--timeout", "0.2", DATABASE_URL=away)

    assert result.exit_code == Exit.TIMED_OUT
    assert "no worker may be running" in result.stderr
