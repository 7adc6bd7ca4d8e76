from pathlib import Path

import pytest

from worker.local import (
    PrivatePostgreSQL,
    PrivateRabbitMQ,
    PrivateServers,
    ServerUnavailable,
    installations,
    missing_servers,
)


@pytest.fixture
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("POSTGRESQL_BIN", "RABBITMQ_SBIN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(installations, "SYSTEM_FOLDERS", str(tmp_path))
    monkeypatch.setattr(installations, "POSTGRESQL_PACKAGES", tmp_path)
    monkeypatch.setattr(installations, "RABBITMQ_PACKAGE", tmp_path)


def installed(folder: Path, *programs: str) -> Path:
    folder.mkdir(parents=True)
    for name in programs:
        (folder / name).touch(mode=0o755)
    return folder


@pytest.mark.usefixtures("bare_machine")
async def test_missing_servers_name_the_command_that_installs_them(tmp_path: Path) -> None:
    command = "sudo apt-get install --no-install-recommends"
    with pytest.raises(ServerUnavailable, match=f"{command} postgresql"):
        PrivatePostgreSQL(tmp_path)
    with pytest.raises(ServerUnavailable, match=f"{command} rabbitmq-server"):
        PrivateRabbitMQ(tmp_path)
    assert len(missing_servers()) == 2
    with pytest.raises(ServerUnavailable, match=r"rabbitmq-server\nPostgreSQL is not installed"):
        async with PrivateServers.started():
            pytest.fail("it started without servers")


@pytest.mark.usefixtures("bare_machine")
def test_postgresql_folder_is_that_of_the_newest_version(tmp_path: Path) -> None:
    for version in ("9.6", "17", "15"):
        installed(tmp_path / version / "bin", *installations.POSTGRESQL_PROGRAMS)
    assert installations.postgresql_folder() == tmp_path / "17" / "bin"


@pytest.mark.usefixtures("bare_machine")
def test_rabbitmq_folder_can_be_chosen_by_a_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = installed(tmp_path / "chosen", *installations.RABBITMQ_PROGRAMS)
    monkeypatch.setenv("RABBITMQ_SBIN", str(chosen))
    assert installations.rabbitmq_folder() == chosen


def test_postgresql_folder_refuses_a_chosen_folder_without_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POSTGRESQL_BIN", str(tmp_path))
    with pytest.raises(ServerUnavailable, match=r"POSTGRESQL_BIN=.* initdb, postgres"):
        installations.postgresql_folder()
