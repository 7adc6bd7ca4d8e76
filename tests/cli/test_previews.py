"""`send --preview` prints what a command would lead to, and exits as the command would."""

import json

from tests.support.command_line import Invoke
from tests.support.data.inserts import (
    handset_login,
    hunt_group_member,
    phone_numbers,
    voice_service,
)
from tests.support.workers import rows, store, working
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER, OTHER = "+442079460001", "+442079460002"
PLACE = ("--account", "acme", "--site", "london")


async def test_preview_prints_what_would_happen_and_changes_nothing(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await store(
        database,
        voice_service(1),
        phone_numbers(NUMBER, status="ACTIVE"),
        phone_numbers(OTHER),
        hunt_group_member(NUMBER, "front-desk"),
        handset_login(NUMBER, "desk-7"),
        handset_login(NUMBER, "fax-1", "analogue"),
    )
    async with working(database, settings):
        accepted = await invoke("send", "deactivate", NUMBER, *PLACE, "--preview")
        refused = await invoke("send", "activate", OTHER, *PLACE, "--preview")
        as_json = await invoke("send", "activate", OTHER, *PLACE, "--preview", "--json")
        carried_out = await invoke("send", "activate", OTHER, *PLACE, "--wait")

    assert accepted.exit_code == Exit.DONE
    first, *details = printed(accepted.stdout)
    assert first == (
        f"PREVIEW   {NUMBER}  The number would become RESERVED, and lose its settings for good;"
        " voice services: 1 bought, 0 active, 0 pending"
    )
    assert details[:2] == [
        "          PBX: leave hunt group front-desk",
        "          PBX: log out of handset desk-7",
    ]
    assert details[2].startswith("          PBX: reset the PIN, and clear authorization_code, ")
    assert details[3] == "          by hand: log out of fax-1 (analogue)"

    assert refused.exit_code == as_json.exit_code == carried_out.exit_code == Exit.REFUSED
    first, holder = printed(refused.stdout)
    assert first.startswith(f"PREVIEW   {OTHER}  would be refused, ENTITLEMENT_EXHAUSTED: ")
    assert holder == f"          in use: {NUMBER} ACTIVE"
    (line,) = [line for line in as_json.stdout.splitlines() if line.startswith('{"specversion')]
    assert json.loads(line)["data"]["would"] == "be_refused"
    assert holder in carried_out.stdout
    assert await rows(database, "SELECT command_id FROM commands WHERE outcome <> 'rejected'") == []


async def test_preview_times_out_without_a_worker(invoke: Invoke) -> None:
    result = await invoke("send", "activate", NUMBER, *PLACE, "--preview", "--timeout", "0.2")

    assert result.exit_code == Exit.TIMED_OUT
    assert "no worker may be running. Nothing was changed." in result.stderr


def printed(output: str) -> list[str]:
    """The lines of the command, without the log of the worker beside them."""
    return [line for line in output.splitlines() if line.startswith(("PREVIEW", "    "))]
