"""`entitlements` lists what accounts have bought and use, and which use more."""

import json

from tests.support.command_line import Invoke
from tests.support.data.inserts import Expression, phone_numbers, voice_service
from tests.support.workers import rows, store
from worker.storage.connecting.engine import Database
from worker.storage.entitlement import PAGE_ACCOUNTS
from worker.storage.gauges import measure

TODAY = "CAST(now() AT TIME ZONE 'UTC' AS date)"
SITES = (
    voice_service(1, "zeta"),
    voice_service(3, "acme"),
    voice_service(2, "acme", service_id="paris", site_id="paris"),
    voice_service(9, "acme", service_id="ended", ends_on="2020-01-01"),
    phone_numbers("+442079460001", account_id="zeta", status="ACTIVE"),
    phone_numbers("+442079460002", account_id="zeta", status="PENDING"),
    phone_numbers("+442079460003", "+442079460004", status="ACTIVE"),
    phone_numbers("+442079460005", account_id="none", status="ACTIVE"),
)


async def test_entitlements_lists_all_accounts_at_all_sites_in_order(
    invoke: Invoke, database: Database
) -> None:
    await store(database, *SITES)
    listed = await invoke("entitlements")

    assert listed.exit_code == 0
    assert listed.output.splitlines() == [
        "acme at london  3 bought - 2 active - 0 pending = 1 free",
        "acme at paris  2 bought - 0 active - 0 pending = 2 free",
        "none at london  0 bought - 1 active - 0 pending = -1 free  EXCEEDED",
        "zeta at london  1 bought - 1 active - 1 pending = -1 free  EXCEEDED",
        "4 accounts at a site",
    ]


async def test_entitlements_lists_the_exceeded_ones_that_the_gauge_counts(
    invoke: Invoke, database: Database
) -> None:
    await store(database, *SITES)
    listed = (await invoke("entitlements", "--exceeded")).output.splitlines()
    measured = await measure(database)

    assert [line.split()[0] for line in listed[:-1]] == ["none", "zeta"]
    assert listed[-1] == "2 accounts at a site use more than is in force"
    assert measured is not None
    assert measured.oversubscribed_accounts == 2


async def test_entitlements_prints_an_object_a_line_for_scripts(
    invoke: Invoke, database: Database
) -> None:
    await store(database, *SITES)
    lines = (await invoke("entitlements", "--exceeded", "--json")).output.splitlines()

    assert [json.loads(line) for line in lines][-1] == {
        "account_id": "zeta",
        "site_id": "london",
        "limit": 1,
        "active": 1,
        "pending": 1,
        "headroom": -1,
        "exceeded": True,
        "upcoming": [],
    }


async def test_entitlements_and_show_name_the_services_that_begin_or_end_later(
    invoke: Invoke, database: Database
) -> None:
    await store(
        database,
        voice_service(2, service_id="ends-tonight", ends_on=Expression(TODAY)),
        voice_service(1, service_id="begins", starts_on=Expression(f"{TODAY} + 1")),
        voice_service(1, service_id="ends-tomorrow", ends_on=Expression(f"{TODAY} + 1")),
        voice_service(1, service_id="has-begun", starts_on=Expression(TODAY)),
        voice_service(1, service_id="never-ends", ends_on="9999-12-31"),
        voice_service(0, service_id="is-nothing", starts_on=Expression(f"{TODAY} + 1")),
        phone_numbers("+442079460001"),
    )
    ((first, second),) = await rows(database, f"SELECT {TODAY} + 1, {TODAY} + 2")
    line, _ = (await invoke("entitlements")).output.splitlines()
    (shown,) = (await invoke("entitlements", "--json")).output.splitlines()
    number = (await invoke("show", "+442079460001")).output

    assert line == (
        "acme at london  5 bought - 0 active - 0 pending = 5 free;"
        f" 1 begins and 2 end at {first} 00:00:00 UTC,"
        f" 1 ends at {second} 00:00:00 UTC"
    )
    assert [(change["begin"], change["end"]) for change in json.loads(shown)["upcoming"]] == [
        (1, 2),
        (0, 1),
    ]
    assert line.split("  ")[1] in number


async def test_entitlements_says_that_there_is_none(invoke: Invoke, database: Database) -> None:
    await store(database, voice_service(1))

    assert (await invoke("entitlements", "--exceeded")).output == (
        "0 accounts at a site use more than is in force\n"
    )
    assert (await invoke("entitlements", "--exceeded", "--json")).output == ""


async def test_entitlements_reads_page_after_page(invoke: Invoke, database: Database) -> None:
    accounts = 2 * PAGE_ACCOUNTS
    await store(
        database,
        f"""INSERT INTO voice_services
            SELECT 's-' || place, 'account-' || place, 'occupier', 'london', 1
            FROM generate_series(1, {accounts}) AS place""",
    )
    lines = (await invoke("entitlements")).output.splitlines()

    assert lines[-1] == f"{accounts:,} accounts at a site"
    assert len({*lines}) == accounts + 1
