"""Staged records: what contradicts itself within a file."""

import json

from worker.storage.connecting.engine import Database
from worker.storage.directory.staging import StagedRow, stage, staging_session, tidy

LINES = 25


async def test_only_the_first_contradictions_are_fetched_and_all_are_counted(
    database: Database,
) -> None:
    staged = [
        StagedRow("voice_service", line, "s-1", None, "acme", "london", json.dumps({"line": line}))
        for line in range(1, LINES + 1)
    ]
    async with staging_session(database) as session:
        await stage(session, staged)
        contradictions = await tidy(session, 3)

    assert [row["line"] for row in contradictions.first] == [2, 3, 4]
    assert contradictions.total == LINES - 1


async def test_a_file_without_contradictions_has_none(database: Database) -> None:
    async with staging_session(database) as session:
        contradictions = await tidy(session, 3)

    assert contradictions == ([], 0)
