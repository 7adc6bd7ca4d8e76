"""Operators see which phones people must log out, and close what was done."""

import json
import re

from tests.support.command_line import Invoke
from tests.support.data.inserts import Expression, manual_logout, phone_numbers
from tests.support.workers import store
from worker.cli.exits import Exit
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
SITE = (
    phone_numbers(NUMBER),
    manual_logout(NUMBER, "fax-1", required_at="2026-01-02T03:04:05Z"),
    manual_logout(NUMBER, "fax-2", site_id="paris", extension=None),
    manual_logout(
        NUMBER,
        "fax-1",
        required_at="2026-01-01T00:00Z",
        closed_at=Expression("now()"),
        closed_by="Ada",
        reason="done",
    ),
)
BY_LIN = ("--by", "Lin", "--why", "was there")


async def test_manual_logouts_lists_the_open_ones(invoke: Invoke, database: Database) -> None:
    await store(database, *SITE)

    first, since, _, _, end = (await invoke("manual-logouts")).output.splitlines()

    assert first == f"{NUMBER}  fax-1 (analogue)  acme at london, extension 101"
    assert since == "    open since 2026-01-02 03:04:05 UTC  (command-1)"
    assert end == "2 open"


async def test_manual_logouts_can_be_listed_by_site_and_with_the_closed_ones(
    invoke: Invoke, database: Database
) -> None:
    await store(database, *SITE)

    at_paris = (await invoke("manual-logouts", "--site", "paris")).output
    every = (await invoke("manual-logouts", "--all")).output

    assert at_paris.startswith(f"{NUMBER}  fax-2 (analogue)  acme at paris, extension none\n")
    assert at_paris.endswith("\n1 open\n")
    assert re.search(
        r"required at 2026-01-01 00:00:00 UTC, closed at \S+ \S+ UTC by Ada: done", every
    )
    assert every.endswith("\n2 open, 1 closed\n")


async def test_manual_logouts_names_a_site_at_which_nothing_is_known(
    invoke: Invoke, database: Database
) -> None:
    await store(database, *SITE)
    result = await invoke("manual-logouts", "--site", "lodnon")

    assert result.exit_code == Exit.NOT_FOUND
    assert "No number, voice service or manual logout is at the site lodnon." in result.output


async def test_manual_logouts_prints_one_array_as_json(invoke: Invoke, database: Database) -> None:
    nothing = await invoke("manual-logouts", "--json")
    await store(database, *SITE)
    three = await invoke("manual-logouts", "--json", "--all")

    assert json.loads(nothing.output) == []
    found = json.loads(three.output)
    assert three.output == f"{json.dumps(found, indent=2)}\n"
    assert [(row["device_id"], row["closed_by"]) for row in found] == [
        ("fax-1", None),
        ("fax-2", None),
        ("fax-1", "Ada"),
    ]


async def test_a_person_closes_a_manual_logout_once(invoke: Invoke, database: Database) -> None:
    await store(database, *SITE)

    done = await invoke("manual-logouts", "close", NUMBER, "fax-1", *BY_LIN)
    again = await invoke("manual-logouts", "close", NUMBER, "fax-1", *BY_LIN)

    assert done.output == f"Closed: {NUMBER} at fax-1.\n"
    assert again.exit_code == Exit.NOT_FOUND
    assert f"{NUMBER} has no open manual logout at the device fax-1." in again.output
    assert "fax-1" not in (await invoke("manual-logouts")).output


async def test_show_prints_the_manual_logouts_of_a_number(
    invoke: Invoke, database: Database
) -> None:
    await store(database, *SITE, manual_logout("+442079460002", "fax-9"))

    shown = (await invoke("show", NUMBER)).output
    as_json = json.loads((await invoke("show", NUMBER, "--json")).output)

    assert "  manual logout   fax-1 (analogue) open since 2026-01-02 03:04:05 UTC" in shown
    assert "by Ada: done" in shown
    assert "fax-9" not in shown
    assert [row["device_id"] for row in as_json["manual_logouts"]] == ["fax-1", "fax-2", "fax-1"]
