"""A command that waits for a lock too long names the session that keeps it, and no server."""

import pytest

from tests.support.command_line import Invoke
from tests.support.data.inserts import phone_numbers
from tests.support.workers import store
from worker.cli.exits import Exit
from worker.storage.connecting import lock_holders
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session_setup import SESSION_SETTINGS

NUMBER = "+442079460001"
RESOLVE = ("resolve", NUMBER, "--as", "retry", "--by", "Ada", "--why", "a test")


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SESSION_SETTINGS, "lock_timeout", "2s")
    monkeypatch.setattr(lock_holders, "LOOK_SECONDS", 0.1)


@pytest.mark.parametrize(
    ("line", "lock"),
    [
        (("pending",), "LOCK TABLE operations"),
        (RESOLVE, "SELECT FROM phone_numbers FOR UPDATE"),
    ],
)
async def test_command_names_the_session_that_keeps_a_lock(
    invoke: Invoke, database: Database, line: tuple[str, ...], lock: str
) -> None:
    await store(database, phone_numbers(NUMBER))
    async with database.transaction() as session:
        await session.driver.execute(lock)
        result = await invoke(*line)
        pid = session.driver.get_server_pid()

    assert result.exit_code == Exit.UNAVAILABLE, result.output
    assert f"Error: Another session keeps a lock: session {pid} (" in result.stderr
    assert "activation-worker, in a transaction since 2" in result.stderr
    assert "DATABASE_URL" not in result.stderr


async def test_command_says_so_if_postgresql_does_not_name_the_session(
    invoke: Invoke, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_holders, "LOOK_SECONDS", 90)
    async with database.transaction() as session:
        await session.driver.execute("LOCK TABLE operations")
        result = await invoke("pending")

    assert result.exit_code == Exit.UNAVAILABLE
    assert "Another session keeps a lock: PostgreSQL does not say which." in result.stderr
