"""The commands `import` and `reconcile`."""

import json
from uuid import UUID

from tests.support.command_line import Invoke
from tests.support.data.records import NUMBER, number, service
from worker.cli.exits import Exit

GIVEN = "\n".join(map(json.dumps, (service(), number())))
BY_ADA = ("--by", "Ada", "--why", "the nightly file")
CHANGED = "\n".join(map(json.dumps, (service(), number(label="Ann"))))


async def test_import_prints_its_id_and_what_became_of_the_records(invoke: Invoke) -> None:
    await invoke("import", "-", given=GIVEN)
    first, header, *counts = (
        await invoke("import", "--complete", "-", given=json.dumps(number(label="Ann")))
    ).output.splitlines()

    assert first.split()[0] == "import"
    assert UUID(first.split()[1]).version == 4
    assert header.split() == ["new", "changed", "unchanged", "deleted", "waiting"]
    assert [line.split() for line in counts] == [
        ["phone_number", "0", "1", "0", "0", "0"],
        ["voice_service", "0", "0", "0", "1", "0"],
    ]


async def test_an_import_with_its_author_is_an_act(invoke: Invoke) -> None:
    half = await invoke("import", "--by", "Ada", "-", given=GIVEN)
    done = await invoke("import", "--complete", *BY_ADA, "-", given=GIVEN)
    await invoke("import", "-", given=GIVEN)
    (act,) = json.loads((await invoke("acts", "--json")).stdout)

    assert half.exit_code == Exit.USAGE
    assert (act["act"], act["decided_by"], act["reason"]) == ("import", "Ada", "the nightly file")
    assert act["detail"] == f"{done.output.split()[1]}, --complete"


async def test_import_refuses_a_complete_file_that_lacks_a_number_in_use(invoke: Invoke) -> None:
    await invoke("import", "-", given=json.dumps(number(status="ACTIVE")))
    result = await invoke("import", "--complete", "-", given=json.dumps(service()))

    assert result.exit_code == Exit.INVALID_DATA
    assert f"phone_number {NUMBER} is missing: {NUMBER} is ACTIVE" in result.output


async def test_reconcile_exits_with_a_code_of_its_own_if_there_are_differences(
    invoke: Invoke,
) -> None:
    missing = await invoke("reconcile", "-", given=GIVEN)
    assert (await invoke("import", "-", given=GIVEN)).exit_code == Exit.DONE
    same = await invoke("reconcile", "--complete", "-", given=GIVEN)
    changed = await invoke("reconcile", "-", given=CHANGED)

    assert missing.exit_code == changed.exit_code == Exit.DIFFERENT
    assert "2 differences: 2 only in file" in missing.output
    assert 'label is "Ann" in the file, empty held\n1 difference: 1 differs\n' in changed.output
    assert (same.exit_code, same.output) == (Exit.DONE, "no differences\n")


async def test_reconcile_counts_apart_what_an_import_would_leave_alone(invoke: Invoke) -> None:
    await invoke("import", "-", given=json.dumps(number(status="ACTIVE")))
    result = await invoke("reconcile", "-", given=GIVEN)

    assert result.exit_code == Exit.DIFFERENT
    assert result.output.splitlines()[-1] == (
        "2 differences: 1 only in file, 1 newer here; an import would leave 1 of these alone"
    )


async def test_reconcile_prints_each_difference_as_one_json_object(invoke: Invoke) -> None:
    await invoke("import", "-", given=GIVEN)
    result = await invoke("reconcile", "--json", "-", given=CHANGED)

    assert result.exit_code == Exit.DIFFERENT
    (found,) = map(json.loads, result.output.splitlines())
    assert (found["difference"], found["kind"], found["key"]) == ("differs", "phone_number", NUMBER)
    assert (found["line"], found["fields"]) == (2, ["label"])
    assert (found["in_file"]["label"], found["held"]["label"]) == ("Ann", None)


async def test_reconcile_names_the_wrong_lines_of_a_file(invoke: Invoke) -> None:
    result = await invoke("reconcile", "-", given='{"kind": "voice_service"}\n')

    assert result.exit_code == Exit.INVALID_DATA
    assert "Correct these lines:\nline 1: service_id: Field required" in result.output
