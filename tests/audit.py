"""Audits the pinned packages with nothing but the package registry: `python -m tests.audit`.

It checks that every pin has hashes, that the registry still has these files and has not withdrawn
the release, and that the licences of what the worker ships with are known ones. It asks no database
of vulnerabilities, and says so.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageMetadata, metadata
from pathlib import Path
from typing import Final

__all__ = ["judge_registry", "licence_of", "pins_of", "unknown_licences"]

ROOT: Final = Path(__file__).parent.parent
SHIPPED: Final = ROOT / "requirements.lock"
ALL: Final = ROOT / "requirements-dev.lock"
"""It contains the packages of the other one, in the same versions."""

PIN: Final = re.compile(
    r"^([\w.-]+)==([^\s;]+)(?:.*\\\n((?:    --hash=sha256:[0-9a-f]{64}.*\n?)*))?", re.MULTILINE
)
WITHDRAWN: Final = "yanked version"
"""How pip warns of a release that its maintainers have withdrawn."""
KNOWN_LICENCES: Final = frozenset(
    {"0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MPL-2.0", "PSF-2.0"}
)
"""Licences that let anybody use, change and pass on the worker."""
OTHER_NAMES: Final[Mapping[str, str]] = {
    "3-Clause BSD License": "BSD-3-Clause",
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
}
CLASSIFIER: Final = "License :: OSI Approved :: "
NOT_CHECKED: Final = (
    "not checked: known vulnerabilities. They stand in a database beside the registry; where it can"
    " be reached, run: pip-audit --require-hashes --requirement requirements.lock"
)


def pins_of(text: str) -> Mapping[str, int]:
    """The packages that a lock file pins, each with the number of its hashes."""
    return {found[1]: (found[3] or "").count("--hash=") for found in PIN.finditer(text)}


def licence_of(package: PackageMetadata) -> str:
    """The licence of a package as an SPDX expression, from whatever it is written in."""
    for expression in package.get_all("License-Expression") or []:
        return str(expression)
    classifiers = [
        line.removeprefix(CLASSIFIER)
        for line in package.get_all("Classifier") or []
        if line.startswith(CLASSIFIER)
    ]
    names = classifiers or package.get_all("License") or ["none named"]
    # A package with several classifiers may be used under any of them.
    return " OR ".join(OTHER_NAMES.get(name, name) for name in names)


def unknown_licences(licences: Mapping[str, str]) -> Sequence[str]:
    """Those of the packages that cannot be used under known licences alone, with the licence."""
    return [
        f"{name}: {licence}"
        for name, licence in licences.items()
        if not any(
            {*alternative.strip("() ").split(" AND ")} <= KNOWN_LICENCES
            for alternative in licence.split(" OR ")
        )
    ]


def judge_registry(lock: Path, *options: str) -> Sequence[str]:
    """What pip finds wrong with these pins: a file that is gone or differs, a withdrawn release."""
    asked = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"),
            *("--dry-run", "--ignore-installed", "--no-deps", "--require-hashes"),
            *(*options, "--requirement", str(lock)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    problems = [line for line in asked.stderr.splitlines() if WITHDRAWN in line]
    if asked.returncode:
        problems += [line for line in asked.stderr.splitlines() if line.startswith("ERROR")]
    return problems


def main() -> int:
    """Prints what was checked and found; returns the exit code."""
    pins = pins_of(ALL.read_text(encoding="utf-8"))
    licences = {
        name: licence_of(metadata(name)) for name in pins_of(SHIPPED.read_text(encoding="utf-8"))
    }
    problems = [
        *(f"no hash: {name}" for name, hashes in pins.items() if not hashes),
        *judge_registry(ALL),
        *(f"licence not known: {line}" for line in unknown_licences(licences)),
    ]
    counted = Counter(licences.values())
    say(
        [
            f"{len(pins)} packages are pinned, by {sum(pins.values())} hashes; asked the registry",
            f"{len(licences)} ship with the worker, under: "
            + ", ".join(f"{licence} ({count})" for licence, count in counted.most_common()),
            *(f"PROBLEM: {problem}" for problem in problems),
            f"{len(problems)} problems",
            NOT_CHECKED,
        ]
    )
    return 1 if problems else 0


def say(lines: Iterable[str]) -> None:
    """Prints the lines."""
    sys.stdout.writelines(f"audit: {line}\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
