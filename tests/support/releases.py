"""Releases of the worker: the one under test, and the last one."""

import io
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
VERSIONS = "worker/storage/migrations/versions"
PACKAGES = ("worker", "contracts")
LAST_REVISION = "0001"
"""The schema of the last release."""


class NoHistory(Exception):
    """The repository does not hold the last release: it is a shallow clone, or none."""


@dataclass(frozen=True)
class Release:
    """How the command of a release is started."""

    command: tuple[str, ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    """What its environment has besides."""


THIS = Release((str(Path(sys.executable).with_name("activation-worker")),))


def last_release(folder: Path) -> Release:
    """The last release, laid into the folder; it uses the libraries of this one.

    It is the code before the first migration that it lacks. Raises `NoHistory`.
    """
    (migration,) = (
        path.name
        for path in (ROOT / VERSIONS).glob("*.py")
        if f'down_revision = "{LAST_REVISION}"' in path.read_text(encoding="utf-8")
    )
    added = _git("log", "--diff-filter=A", "--format=%H", "--", f"{VERSIONS}/{migration}")
    if not added.strip():
        raise NoHistory(f"no commit has added {migration}")
    commit = added.decode().split()[-1]
    archive = _git("archive", f"{commit}^", *PACKAGES)
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
    path = f"{folder}:{folder / 'contracts'}"
    # -P: the code of this release is in the working directory.
    return Release((sys.executable, "-P", "-m", "worker"), {"PYTHONPATH": path})


def _git(*arguments: str) -> bytes:
    command = ("git", "-c", f"safe.directory={ROOT}", "-C", str(ROOT), *arguments)
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise NoHistory(str(error)) from error
