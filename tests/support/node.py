"""Node.js for the tests that look at the contracts with the eyes of another language.

A folder with a package.json and a package-lock.json is a project. Its packages are installed into
the folder `build`, under the name of the project, once, and again when the lock has changed.

The lock names no address: `npm install --package-lock-only --omit-lockfile-registry-resolved`, and
then without the `funding` entries.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["NodeProject", "NodeProjects"]

BUILD: Final = Path(__file__).parents[2] / "build" / "node"
MANIFESTS: Final = ("package.json", "package-lock.json")
INSTALLATION_SECONDS: Final = 600
RUN_SECONDS: Final = 120


@dataclass(frozen=True)
class NodeProject:
    """A folder with scripts (CommonJS), and its installed packages."""

    folder: Path
    packages: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment in which `require` finds the packages."""
        return {**os.environ, "NODE_PATH": str(self.packages)}

    def run(self, script: Path | str, *arguments: str) -> str:
        """The standard output of a script; if it fails, so does the test, with its output.

        A relative path is one of the project's own scripts.
        """
        command = [_program("node"), str(self.folder / script), *arguments]
        return _output(command, RUN_SECONDS, env=self.environment)


NodeProjects = Callable[[Path], NodeProject]
"""Called with the folder of a project: the project, its packages installed."""


@pytest.fixture(scope="session")
def node_projects() -> NodeProjects:
    """Skips the test where Node.js or npm is not installed, except under CI, where it fails."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        reason = f"missing: {' and '.join(missing)}: run `make setup-tests`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return _installed


def _installed(project: Path) -> NodeProject:
    name = json.loads((project / "package.json").read_text(encoding="utf-8"))["name"]
    folder = BUILD / name
    mark = folder / ".installed"
    wanted = _fingerprint(project)
    with _alone(BUILD / f"{name}.lock"):
        if not mark.exists() or mark.read_text() != wanted:
            _install(project, folder)
            mark.write_text(wanted)
    return NodeProject(project, folder / "node_modules")


def _install(project: Path, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for manifest in MANIFESTS:
        shutil.copy(project / manifest, folder)
    command = [_program("npm"), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    _output(command, INSTALLATION_SECONDS, cwd=folder)


def _output(command: list[str], seconds: float, **options: Any) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=seconds, **options
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _program(name: str) -> str:
    program = shutil.which(name)
    assert program is not None, f"{name} is not installed"
    return program


def _fingerprint(project: Path) -> str:
    content = b"".join((project / name).read_bytes() for name in MANIFESTS)
    return hashlib.sha256(content).hexdigest()


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    """Keeps out the other processes of a test run."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
