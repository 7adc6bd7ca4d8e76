import json

from click.testing import Result

from tests.cli.conftest import Invoke
from tests.support.workers import store, working
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.engine import Database

NUMBER = "+442079460001"
WORDS = ("SENT", "PENDING", "ACTIVE", "RESERVED", "REFUSED")
PLACE = ("--account", "acme", "--site", "london")
RECORDS = (
    {
        "kind": "voice_service",
        "service_id": "service-1",
        "account_id": "acme",
        "account_kind": "occupier",
        "site_id": "london",
        "quantity": 1,
    },
    {
        "kind": "phone_number",
        "phone_number": NUMBER,
        "account_id": "acme",
        "site_id": "london",
        "status": "RESERVED",
        "main_number": True,
    },
    {
        "kind": "call_settings",
        "phone_number": NUMBER,
        "hunt_group_id": "group-1",
        "in_hours": "hunt_group",
        "out_of_hours": "voicemail",
        "unanswered": "none",
    },
)


async def imported(invoke: Invoke) -> None:
    lines = "\n".join(json.dumps(record) for record in RECORDS)
    result = await invoke("import", "-", given=lines)
    kinds = ("voice_service", "phone_number", "call_settings")
    assert result.output == "".join(f"        1  {kind}\n" for kind in kinds)


def said(result: Result) -> list[str]:
    """The command's own lines; the worker beside it logs to the same place."""
    return [line for line in result.output.splitlines() if line.startswith((*WORDS, "{"))]


async def test_a_command_is_sent_waited_for_and_shown(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await imported(invoke)
    async with working(database, settings):
        done = await invoke("send", "activate", NUMBER, *PLACE, "--wait", "--requested-by", "ann")
        again = await invoke("send", "activate", NUMBER, *PLACE, "--wait", "--json")
    shown = (await invoke("show", NUMBER)).output

    assert done.exit_code == Exit.DONE
    assert [line.split()[0] for line in said(done)] == ["PENDING", "ACTIVE"]
    assert again.exit_code == Exit.REFUSED
    assert [json.loads(line)["data"]["code"] for line in said(again)] == ["NUMBER_NOT_RESERVED"]
    assert "1 bought - 1 active - 0 pending = 0 free" in shown
    assert "in hours hunt_group, out of hours voicemail, unanswered none; hunt group group" in shown
    assert "activate   completed by ann" in shown
    assert "NUMBER_NOT_RESERVED: " in shown


async def test_a_command_that_expired_is_refused(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    sent = await invoke("send", "activate", NUMBER, *PLACE, "--expires-in", "0", "--id", "one")
    async with working(database, settings):
        again = ("--id", "two", "--expires-in", "0", "--wait")
        refused = await invoke("send", "activate", NUMBER, *PLACE, *again)

    assert sent.output == f"SENT      {NUMBER}  command one\n"
    assert refused.exit_code == Exit.REFUSED
    assert "COMMAND_EXPIRED" in refused.output


async def test_show_tells_scripts_everything(invoke: Invoke) -> None:
    await imported(invoke)
    shown = json.loads((await invoke("show", NUMBER, "--json")).output)

    assert shown["status"] == "RESERVED"
    assert shown["call_settings"][0]["in_hours"] == "hunt_group"
    assert shown["history"] == shown["unsent"] == shown["waiting"] == []


async def test_operations_under_way_are_listed_with_what_holds_them_up(
    invoke: Invoke, database: Database
) -> None:
    operation = (
        "INSERT INTO operations (phone_number, operation, command_source, command_id, fingerprint,"
        f" correlation_id, since, at_risk_at, deadline) VALUES ('{NUMBER}', 'activate', 's', 'one',"
        " 'f', 'c', '2026-01-01T00:00Z', '2026-01-01T00:01Z', '2026-01-01T00:05Z')"
    )
    message = (
        "INSERT INTO outbox (phone_number, holds_operation, message_id, message_type, exchange,"
        " routing_key, correlation_id, must_be_routed, body, decided_at, queued_at, last_error)"
        f" VALUES ('{NUMBER}', true, 'm', 'telephony.phone_number.status_changed.v1', 'e', 'r',"
        " 'c', true, '', now(), now(), 'no queue')"
    )
    await imported(invoke)
    under_way = f"UPDATE phone_numbers SET status = 'PENDING' WHERE phone_number = '{NUMBER}'"
    await store(database, under_way, operation, message)
    listed = (await invoke("pending")).output

    assert "activate since 2026-01-01 00:00:00 UTC  OVERDUE" in listed
    assert "activation (attempt 1, not yet sent, last result no queue)" in listed
    assert "back to RESERVED" in listed
    assert listed.endswith("1 under way\n")
    told = json.loads((await invoke("pending", "--json")).output)
    assert (told[0]["since"], told[0]["overdue"]) == ("2026-01-01T00:00:00+00:00", True)


async def test_a_number_that_is_not_provisioned_is_not_found(invoke: Invoke) -> None:
    result = await invoke("show", "+449999999999")

    assert result.exit_code == Exit.NOT_FOUND
    assert "+449999999999 is not provisioned" in result.output


async def test_without_a_worker_a_wait_ends_in_time(invoke: Invoke) -> None:
    result = await invoke("send", "activate", NUMBER, *PLACE, "--wait", "--timeout", "0.2")

    assert result.exit_code == Exit.TIMED_OUT
    assert f"activation-worker show {NUMBER}" in result.stderr
