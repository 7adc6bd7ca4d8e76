"""The commands that show and resolve numbers: `show`, `pending` and `resolve`."""

import asyncio
import json
import re

from activation_contracts.values import Step
from click.testing import Result

from tests.support.command_line import Invoke
from tests.support.data.inserts import (
    commands,
    handset_login,
    hunt_group_member,
    operation,
    outbox_message,
    phone_numbers,
    voice_service,
)
from tests.support.workers import store, working
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.connecting.engine import Database

NUMBER = "+442079460001"
LABELS = ("SENT", "PENDING", "ACTIVE", "RESERVED", "REFUSED")
PLACE = ("--account", "acme", "--site", "london")
REFUSED = {"attempts": 1, "next_attempt_at": "2030-01-01T00:00Z"}
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
    counted = dict(line.split()[:2] for line in result.output.splitlines()[1:])
    assert {record["kind"]: "1" for record in RECORDS}.items() <= counted.items(), result.output


def events_of(result: Result) -> list[str]:
    """The events that the command printed, without the log of the worker beside it."""
    return [line for line in result.output.splitlines() if line.startswith((*LABELS, "{"))]


async def test_send_waits_for_the_outcome_and_show_explains_it(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await imported(invoke)
    async with working(database, settings):
        done = await invoke("send", "activate", NUMBER, *PLACE, "--wait", "--requested-by", "ann")
        again = await invoke("send", "activate", NUMBER, *PLACE, "--wait", "--json")
    shown = (await invoke("show", NUMBER)).output

    assert done.exit_code == Exit.DONE
    assert [line.split()[0] for line in events_of(done)] == ["PENDING", "ACTIVE"]
    assert again.exit_code == Exit.REFUSED
    assert [json.loads(line)["data"]["code"] for line in events_of(again)] == [
        "NUMBER_NOT_RESERVED"
    ]
    assert "1 bought - 1 active - 0 pending = 0 free" in shown
    assert "in hours hunt_group, out of hours voicemail, unanswered none; hunt group group" in shown
    assert re.search(r"why +ACTIVE since \S+ \S+ UTC, requested by ann\n", shown)
    assert "  activate accepted, PENDING by ann  (" in shown
    assert "  activate completed, ACTIVE  (" in shown
    assert "  activate refused, NUMBER_NOT_RESERVED: " in shown


async def test_send_prints_the_first_answer_to_a_command_that_was_accepted_before(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await imported(invoke)
    once = ("send", "activate", NUMBER, *PLACE, "--id", "one", "--wait")
    async with working(database, settings):
        first, again = await invoke(*once), await invoke(*once)

    assert first.exit_code == Exit.DONE
    assert again.exit_code == Exit.ACCEPTED_BEFORE
    assert events_of(again) == events_of(first)[:1]
    assert "was accepted before, with this answer. What followed is not" in again.output
    assert f"See `activation-worker show {NUMBER}`." in again.output


async def test_send_prints_the_rejection_of_a_command_that_was_rejected_before(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    once = ("send", "activate", NUMBER, *PLACE, "--id", "one", "--wait")
    async with working(database, settings):
        first, again = await invoke(*once), await invoke(*once)

    assert first.exit_code == again.exit_code == Exit.REFUSED
    assert events_of(again) == events_of(first)
    assert "NUMBER_UNKNOWN" in again.output


async def test_send_reports_an_expired_command_as_rejected(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    sent = await invoke("send", "activate", NUMBER, *PLACE, "--expires-in", "0", "--id", "one")
    async with working(database, settings):
        again = ("--id", "two", "--expires-in", "0", "--wait")
        refused = await invoke("send", "activate", NUMBER, *PLACE, *again)

    assert sent.output == f"SENT      {NUMBER}  command one\n"
    assert refused.exit_code == Exit.REFUSED
    assert "COMMAND_EXPIRED" in refused.output


async def test_send_ends_when_an_operator_must_decide(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await store(database, voice_service(1), phone_numbers(NUMBER, status="ACTIVE"))
    silent = settings.model_copy(
        update={
            "awaited_steps": frozenset({Step.EXTENSION_RESET}),
            "operation_time_allowed_seconds": 0.5,
            "sweep_interval_seconds": 0.05,
        }
    )
    async with working(database, silent):
        sent = await invoke("send", "deactivate", NUMBER, *PLACE, "--wait", "--timeout", "90")

    assert sent.exit_code == Exit.NEEDS_OPERATOR
    assert f"run `activation-worker resolve {NUMBER}`" in sent.output
    assert "WAITING" in sent.output


async def test_show_explains_a_number_by_what_ended_last(
    invoke: Invoke, database: Database
) -> None:
    both = {"phone_number": NUMBER, "requested_by": "ann"}
    first = {"received_at": "2026-01-01T10:00Z", "ended_at": "2026-01-01T10:05Z"}
    second = {"received_at": "2026-01-01T10:01Z", "ended_at": "2026-01-01T10:01Z"}
    await store(
        database,
        voice_service(1),
        phone_numbers(NUMBER),
        commands(1, "click", outcome="failed", failure="PBX_REFUSED", **both, **first),
        commands(1, "again", outcome="rejected", refusal="NUMBER_NOT_RESERVED", **both, **second),
    )
    why = json.loads((await invoke("show", NUMBER, "--json")).output)["why"]

    assert why["headline"] == (
        "Not active: the last activation failed at 2026-01-01 10:05:00 UTC, PBX_REFUSED"
    )


async def test_show_prints_everything_as_json(invoke: Invoke) -> None:
    await imported(invoke)
    shown = json.loads((await invoke("show", NUMBER, "--json")).output)

    assert shown["status"] == "RESERVED"
    assert shown["call_settings"][0]["in_hours"] == "hunt_group"
    assert shown["history"] == shown["unsent"] == shown["waiting"] == shown["timeline"] == []
    assert shown["why"]["headline"] == "Not active: the worker has received no command for it"


async def test_show_lists_the_pbx_steps_of_a_number(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await imported(invoke)
    awaiting = settings.model_copy(update={"awaited_steps": frozenset({Step.ACTIVATION})})
    async with working(database, awaiting):
        await invoke("send", "activate", NUMBER, *PLACE, "--id", "one")
        async with asyncio.timeout(90):
            while "activation open, attempt 1" not in (await invoke("show", NUMBER)).output:
                await asyncio.sleep(0.1)
    (step,) = json.loads((await invoke("show", NUMBER, "--json")).output)["steps"]

    assert step["command_id"] == "one"
    assert step["operation_id"] in (await invoke("show", NUMBER)).output


async def test_show_names_the_group_and_the_device_of_each_step(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await store(
        database,
        voice_service(1),
        phone_numbers(NUMBER, status="ACTIVE"),
        hunt_group_member(NUMBER, "reception"),
        handset_login(NUMBER, "desk-7"),
    )
    steps = frozenset({Step.HUNT_GROUP_MEMBERSHIP, Step.HANDSET_LOGOUT})
    async with working(database, settings.model_copy(update={"awaited_steps": steps})):
        await invoke("send", "deactivate", NUMBER, *PLACE)
        async with asyncio.timeout(90):
            while (shown := (await invoke("show", NUMBER)).output).count("published, a PBX") < 2:
                await asyncio.sleep(0.1)

    assert "PBX step        hunt_group_membership remove reception open, attempt 1" in shown
    assert "PBX step        handset_logout desk-7 open, attempt 1" in shown
    assert "UTC  handset_logout desk-7 requested" in shown


async def test_show_and_pending_tell_an_ended_operation_from_one_under_way(
    invoke: Invoke, database: Database, settings: Settings
) -> None:
    await imported(invoke)
    silent = settings.model_copy(
        update={
            "awaited_steps": frozenset({Step.ACTIVATION, Step.EXTENSION_RESET}),
            "operation_time_allowed_seconds": 0.5,
            "sweep_interval_seconds": 0.05,
        }
    )
    async with working(database, silent):
        await invoke("send", "activate", NUMBER, *PLACE, "--id", "one")
        async with asyncio.timeout(90):
            while "An operator must decide" not in (await invoke("show", NUMBER)).output:
                await asyncio.sleep(0.1)
    shown, pending = (await invoke("show", NUMBER)).output, (await invoke("pending")).output

    assert "under way" not in shown
    assert "outstanding     reset after the failed activation since" in shown
    assert "activation abandoned, attempt 1" in shown
    assert re.search(r"extension_reset open, .*; to be asked again at", shown)
    assert re.search(r"UTC  activate failed, DEADLINE_PASSED: ", shown)
    assert "why             Not active: the last activation failed at " in shown
    assert "activate has ended, reset after the failed activation outstanding since" in pending
    assert "NEEDS AN OPERATOR" in pending
    assert "OVERDUE" not in pending
    assert pending.endswith("0 under way, 1 outstanding after the end\n")


async def test_pending_lists_operations_with_what_they_wait_for(
    invoke: Invoke, database: Database
) -> None:
    await imported(invoke)
    await store(
        database,
        f"UPDATE phone_numbers SET status = 'PENDING' WHERE phone_number = '{NUMBER}'",
        operation(
            NUMBER,
            since="2026-01-01T00:00Z",
            at_risk_at="2026-01-01T00:01Z",
            deadline="2026-01-01T00:05Z",
        ),
        outbox_message(NUMBER, holds_operation=True, last_error="no queue", **REFUSED),
    )
    listed = (await invoke("pending")).output

    assert "activate since 2026-01-01 00:00:00 UTC  OVERDUE" in listed
    assert "activation (attempt 2, not yet sent, refused: no queue)" in listed
    assert "back to RESERVED" in listed
    assert listed.endswith("1 under way, 0 outstanding after the end\n")
    operations = json.loads((await invoke("pending", "--json")).output)
    assert (operations[0]["since"], operations[0]["overdue"]) == ("2026-01-01T00:00:00+00:00", True)


async def test_show_does_not_find_a_number_that_is_not_provisioned(invoke: Invoke) -> None:
    result = await invoke("show", "+449999999999")

    assert result.exit_code == Exit.NOT_FOUND
    assert "+449999999999 is not provisioned" in result.output


async def test_send_times_out_without_a_worker(invoke: Invoke) -> None:
    result = await invoke("send", "activate", NUMBER, *PLACE, "--wait", "--timeout", "0.2")

    assert result.exit_code == Exit.TIMED_OUT
    assert f"activation-worker show {NUMBER}" in result.stderr


async def test_show_lists_the_records_that_wait_for_a_number_that_is_not_provisioned(
    database: Database, invoke: Invoke
) -> None:
    await store(
        database,
        """INSERT INTO waiting_records (phone_number, waits_for, kind, record, deleted, version,
            cause_source, cause_id, correlation_id, waiting_since)
        VALUES ('+442079460999', 'number', 'hunt_group_member', '{"hunt_group_id": "sales"}', false,
            4, '/platform', 'message-1', 'message-1', now())""",
    )
    shown = await invoke("show", "+442079460999")

    assert shown.exit_code == Exit.NOT_FOUND
    assert "+442079460999 is not provisioned" in shown.output
    assert "\nwaiting record  hunt_group_member version 4 since" in shown.output
    assert "applied when the number is provisioned" in shown.output

    as_json = await invoke("show", "+442079460999", "--json")
    printed = json.loads(as_json.stdout)
    assert as_json.exit_code == Exit.NOT_FOUND
    assert "+442079460999 is not provisioned" in as_json.stderr
    assert printed["phone_number"] == "+442079460999"
    (record,) = printed["waiting_records"]
    assert (record["kind"], record["version"]) == ("hunt_group_member", 4)
