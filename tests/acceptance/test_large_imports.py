"""Files that are large, and programs that write them slowly."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environments import Environment, environment
from tests.support.installed_command import COMMAND
from tests.support.measured_command import ended
from tests.support.workers import rows
from worker.storage.connecting.engine import Database

__all__ = ["environment"]

NUMBERS_PER_SITE = 10_000
IMPORT_MEBIBYTES = 300
"""The most that an import of a million records may need."""
FEW_MEBIBYTES = 160
"""An import of a chunk needs about 110; an import that keeps the file in memory needs more."""
IMPORTING = ("import",)
REPEATING = ("import", "import", "reconcile")
SESSION = "SELECT state, backend_xid, backend_xmin FROM pg_stat_activity WHERE query LIKE 'COPY%'"
LOCKS = "SELECT 1 FROM pg_locks JOIN pg_class ON relation = oid WHERE relname = 'phone_numbers'"


def lines(records: int) -> Iterator[str]:
    """A service for each site, then numbers, of which every fourth has a member and a login."""
    written = 0
    for place in range(records):
        site, phone_number = f"site-{place // NUMBERS_PER_SITE}", f"+44{place:010}"
        held = {"phone_number": phone_number}
        found: list[dict[str, object]] = [
            {
                "kind": "phone_number",
                **held,
                "account_id": "acme",
                "site_id": site,
                "status": "RESERVED",
                "extension": f"{place:07}",
                "label": f"Desk {place}",
                "features": ["voicemail"],
            }
        ]
        if place % NUMBERS_PER_SITE == 0:
            service = {"service_id": f"s-{site}", "account_id": "acme", "account_kind": "occupier"}
            found.append({"kind": "voice_service", **service, "site_id": site, "quantity": 9_999})
        if place % 4 == 0:
            found.append({"kind": "hunt_group_member", **held, "hunt_group_id": f"group-{site}"})
            found.append({"kind": "handset_login", **held, "device_id": "desk"})
            found[-1]["device_kind"] = "digital"
        for record in found[: records - written]:
            yield json.dumps(record) + "\n"
        written += len(found)
        if written >= records:
            return


@pytest.mark.campaign
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize(
    ("records", "mebibytes", "commands"),
    [
        (30_000, FEW_MEBIBYTES, IMPORTING),
        (30_000, FEW_MEBIBYTES, REPEATING),
        pytest.param(1_000_000, IMPORT_MEBIBYTES, REPEATING, marks=pytest.mark.benchmark),
    ],
)
async def test_memory_of_an_import_does_not_grow_with_the_file(
    environment: Environment,
    database: Database,
    tmp_path: Path,
    records: int,
    mebibytes: int,
    commands: tuple[str, ...],
) -> None:
    file = tmp_path / "records.jsonl"
    with file.open("w", encoding="utf-8") as writing:
        writing.writelines(lines(records))
    for command in commands:
        done = await ended(environment, command, str(file))

        assert done.code == 0, done.output
        assert done.mebibytes < mebibytes
    assert await rows(database, "SELECT count(*) > 0 FROM phone_numbers") == [(True,)]


async def test_slow_program_on_standard_input_holds_no_lock_and_no_transaction(
    environment: Environment, database: Database
) -> None:
    process = await asyncio.create_subprocess_exec(
        *(COMMAND, "import", "-"),
        env=dict(environment),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdin is not None
    process.stdin.write("".join(lines(12_000)).encode())
    async with asyncio.timeout(90):
        while not (found := await rows(database, SESSION)) or found[0][0] == "active":
            await asyncio.sleep(0.05)

    assert found == [("idle", None, None)]
    assert await rows(database, LOCKS) == []
    process.stdin.close()
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, output
