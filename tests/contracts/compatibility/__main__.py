"""`python -m tests.contracts.compatibility check|release`, for `make`."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from tests.contracts.compatibility.judging import judge
from tests.contracts.compatibility.releases import (
    EXPORTED,
    PROJECT,
    RELEASED,
    AlreadyReleased,
    Contracts,
    last_release,
    next_version,
    release,
)

__all__ = ["main"]

USAGE: Final = "usage: python -m tests.contracts.compatibility check|release\n"


def main(
    command: Sequence[str],
    *,
    exported: Path = EXPORTED,
    released: Path = RELEASED,
    project: Path = PROJECT,
) -> int:
    """Writes what changed since the last release; returns the exit status.

    1: a change breaks someone, or the version is not newer than the last release.
    """
    if list(command) not in (["check"], ["release"]):
        sys.stderr.write(USAGE)
        return 2
    last, version = last_release(released), next_version(project)
    verdicts = [] if last is None else judge(last, Contracts.read(exported, version))
    since = "the contracts are not released yet" if last is None else f"since {last.version}"
    _write_allowed(since, [it.sentence for it in verdicts if not it.is_break])
    breaks = [it.text() for it in verdicts if it.is_break]
    if breaks:
        sys.stderr.write(f"contracts: {since} these changes are incompatible:\n{_lines(breaks)}")
        return 1
    return _release(version, exported, released) if command[0] == "release" else 0


def _write_allowed(since: str, sentences: Sequence[str]) -> None:
    if sentences:
        sys.stdout.write(f"contracts: {since}, for CHANGELOG.md:\n{_lines(sentences)}")
    else:
        sys.stdout.write(f"contracts: {since}, no additions\n")


def _release(version: str, exported: Path, released: Path) -> int:
    try:
        folder = release(version, exported, released)
    except AlreadyReleased as problem:
        sys.stderr.write(f"release-contracts: {problem}\n")
        return 1
    sys.stdout.write(f"contracts: {version} is in {folder}; commit it with CHANGELOG.md\n")
    return 0


def _lines(sentences: Sequence[str]) -> str:
    return "".join(f"- {sentence}\n" for sentence in sentences)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
