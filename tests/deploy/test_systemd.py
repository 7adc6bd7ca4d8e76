"""The systemd unit is well-formed, closed to the outside, and fits the worker."""

import configparser
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.deploy.manifests import DEPLOY, GRACE_SECONDS, REPOSITORY
from tests.support.installed_command import COMMAND
from worker.cli.exits import Exit

UNIT = DEPLOY / "systemd" / "activation-worker.service"
INSTALLED = "/opt/activation-worker/bin/activation-worker"
EXPOSURE = 20
"""At most, of 100; systemd calls up to 20 `OK`. The rest is the network that the worker needs."""


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, with the command of these tests. Skips without systemd, except under CI."""
    if not shutil.which("systemd-analyze") and not os.environ.get("CI"):
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    file = tmp_path / UNIT.name
    file.write_text(UNIT.read_text(encoding="utf-8").replace(INSTALLED, COMMAND))
    return file


def analyzed(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments],  # noqa: S607 -- found by PATH, as a user finds it
        capture_output=True,
        text=True,
        check=False,
    )


def settings_of(file: Path) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.read(file, encoding="utf-8")
    return parser["Service"]


def test_systemd_finds_nothing_wrong(unit: Path) -> None:
    verified = analyzed("verify", str(unit))

    assert (verified.returncode, verified.stderr) == (0, "")


def test_systemd_finds_something_wrong_in_a_broken_unit(unit: Path) -> None:
    unit.write_text(unit.read_text().replace("TimeoutStopSec=60", "TimeoutStopSec=soon"))

    assert "Failed to parse time value" in analyzed("verify", str(unit)).stderr


def test_the_unit_is_hardly_exposed(unit: Path) -> None:
    judged = analyzed("security", "--offline=true", f"--threshold={EXPOSURE}", str(unit))

    assert judged.returncode == 0, judged.stdout


def test_the_unit_leaves_the_worker_the_files_of_which_it_makes_the_process_metrics() -> None:
    # ProcSubset=pid hides /proc/stat: prometheus_client then exports no metric of the process.
    assert settings_of(UNIT).get("ProcSubset", "all") == "all"


def test_the_unit_creates_the_folder_of_its_credentials_before_it_installs_them() -> None:
    commands = [
        line.removeprefix("#   ")
        for line in UNIT.read_text(encoding="utf-8").splitlines()
        if line.startswith("#   install ")
    ]

    assert [command.split()[-1] for command in commands[:2]] == ["/etc/activation-worker"] * 2
    assert commands[0].startswith("install --directory ")


def test_the_unit_says_how_to_install_itself_and_the_document_that_it_names() -> None:
    text = UNIT.read_text(encoding="utf-8")
    installed = {
        line.split()[-1]: REPOSITORY / line.split()[-2]
        for line in text.splitlines()
        if line.startswith("#   install ") and "worker/" in line.split()[-2]
    }

    assert installed.keys() == {
        "/etc/systemd/system",
        text.partition("Documentation=file:")[2].partition("\n")[0],
    }
    assert all(file.is_file() for file in installed.values())


def test_the_unit_waits_for_the_longest_stop_and_does_not_repeat_what_a_person_must_change() -> (
    None
):
    service = settings_of(UNIT)

    assert service["TimeoutStopSec"] == str(GRACE_SECONDS)
    assert {int(code) for code in service["RestartPreventExitStatus"].split()} == {
        *(Exit.MISMATCH, Exit.SETTINGS, Exit.NOT_READY, Exit.UNSAFE)
    }
