"""Releases of the contracts: kept once, and compared with what is exported now."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contracts.compatibility.__main__ import main
from tests.contracts.compatibility.releases import EXPORTED, Contracts, last_release

ACTIVATE = "telephony.phone_number.activate.v1"
Run = Callable[[str], int]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command on a copy of the exported contracts, as version 1.0.0."""
    shutil.copytree(EXPORTED, tmp_path / "exported")
    raise_version(tmp_path, "1.0.0")
    return lambda command: main(
        [command],
        exported=tmp_path / "exported",
        released=tmp_path / "released",
        project=tmp_path / "pyproject.toml",
    )


def raise_version(folder: Path, version: str) -> None:
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{version}"\n')


def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes the payload of the exported activate command."""
    path = folder / "exported" / "schemas" / f"{ACTIVATE}.json"
    schema = json.loads(path.read_text())
    change(schema["$defs"]["CommandData"])
    path.write_text(json.dumps(schema))


def test_the_exported_contracts_break_nobody_who_relies_on_the_last_release() -> None:
    assert main(["check"]) == 0


def test_the_exported_contracts_are_complete() -> None:
    contracts = Contracts.read(EXPORTED, "1.0.0")

    assert {*contracts.schemas} == {it["type"] for it in contracts.topology["messages"]}


def test_nothing_is_incompatible_before_the_first_release(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(tmp_path, lambda data: data.update(required=[*data["properties"]]))

    assert run("check") == 0
    assert "not released yet" in capsys.readouterr().out
    assert last_release(tmp_path / "released") is None


def test_a_release_is_kept_and_never_overwritten(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("release") == 0
    assert run("check") == 0
    edit(tmp_path, lambda data: data["properties"].update(colour={"type": "string"}))
    assert run("release") == 1

    assert "raise the version in contracts/pyproject.toml" in capsys.readouterr().err
    released = last_release(tmp_path / "released")
    assert released is not None
    assert released.version == "1.0.0"
    assert released.schemas == Contracts.read(EXPORTED, "1.0.0").schemas


def test_an_addition_is_listed_for_the_changelog_and_released(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("release")
    edit(tmp_path, lambda data: data["properties"].update(colour={"type": "string"}))
    capsys.readouterr()

    assert run("check") == 0
    assert f"- {ACTIVATE}: data.colour is new\n" in capsys.readouterr().out
    raise_version(tmp_path, "1.10.0")
    assert run("release") == 0
    raise_version(tmp_path, "1.9.0")
    assert run("release") == 1

    newest = last_release(tmp_path / "released")
    assert newest is not None
    assert newest.version == "1.10.0"


def test_a_break_fails_the_check_and_is_not_released(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("release")
    edit(tmp_path, lambda data: data.update(required=[*data["properties"]]))
    raise_version(tmp_path, "1.1.0")

    assert run("check") == 1
    assert run("release") == 1

    message = capsys.readouterr().err
    assert f"{ACTIVATE}: data.requested_by is required now, which breaks its publishers" in message
    assert not (tmp_path / "released" / "1.1.0").exists()


@pytest.mark.parametrize(("version", "status"), [("1.1.0", 1), ("2.0.0", 0)])
def test_only_a_new_major_version_withdraws_a_message(
    run: Run, tmp_path: Path, version: str, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    run("release")
    (tmp_path / "exported" / "schemas" / f"{ACTIVATE}.json").unlink()
    raise_version(tmp_path, version)

    assert run("check") == status
    output = capsys.readouterr()
    assert f"message {ACTIVATE} is gone" in output.out + output.err


def test_another_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare"]) == 2
    assert capsys.readouterr().err.startswith("usage: ")
