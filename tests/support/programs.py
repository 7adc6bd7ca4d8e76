"""Runs the programs of the documents by the lines of their page, in Python, JavaScript and Java."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import activation_contracts
import pytest
from activation_contracts.documents.folder import DOCUMENTS

from tests.support.environments import unmeasured

if TYPE_CHECKING:
    from tests.support.node import NodeProjects

__all__ = ["LANGUAGES", "ProgramFailedError", "ProgramIn", "hasten", "program_in"]

PROGRAMS: Final = DOCUMENTS / "programs"
EXPORTED: Final = Path(activation_contracts.__file__).with_name("exported")
TIMEOUT_SECONDS: Final = 120
INSTALLS: Final = ("npm ci", "apt-get install")
ARGUMENTS: Final = "+442079460201 acme london-1"

PATIENCE: Final = {
    "activate.py": ("timedelta(minutes=5)", "timedelta(seconds=5)"),
    "activate.mjs": ("PATIENCE_MS = 300_000", "PATIENCE_MS = 5_000"),
    "Activate.java": ("Duration.ofMinutes(5)", "Duration.ofSeconds(5)"),
}
"""How long each program waits, and how long one waits that `hasten` changed."""

Program = Callable[[str], Coroutine[Any, Any, list[str]]]
"""Runs with the URL of a broker; returns the lines that it prints."""

ProgramIn = Callable[[str], Program]
"""Called with a language: the program in it. Skips the test where a tool is missing, except under
CI, where it fails."""


class ProgramFailedError(Exception):
    """The program ended with an error; the text is what it printed before."""


def hasten(folder: Path) -> None:
    """Lets the program in the folder give up within seconds."""
    (path,) = (folder / name for name in PATIENCE if (folder / name).exists())
    usual, hasty = PATIENCE[path.name]
    text = path.read_text()
    assert text.count(usual) == 1
    path.write_text(text.replace(usual, hasty))


@pytest.fixture
def program_in(request: pytest.FixtureRequest, tmp_path: Path) -> ProgramIn:
    """The program in a language, in the new folder of a client."""

    def prepared(language: str) -> Program:
        return partial(_output, LANGUAGES[language](tmp_path, request), tmp_path)

    return prepared


def _python(folder: Path, _request: pytest.FixtureRequest) -> str:
    (folder / "activate.py").write_text(_block("web-tier.md", "python"))
    return f"{sys.executable} activate.py {ARGUMENTS}"


def _javascript(folder: Path, request: pytest.FixtureRequest) -> str:
    projects: NodeProjects = request.getfixturevalue("node_projects")
    (folder / "node_modules").symlink_to(projects(PROGRAMS).packages)
    (folder / "exported").symlink_to(EXPORTED)
    shutil.copy(PROGRAMS / "activate.mjs", folder)
    return _block("other-languages.md", "sh", having="node ")


def _java(folder: Path, _request: pytest.FixtureRequest) -> str:
    shutil.copy(PROGRAMS / "Activate.java", folder)
    lines = _block("other-languages.md", "sh", having="java ")
    (jars,) = re.findall(r"/%s\.jar:' \\\n +(.*)\)", lines)
    missing = [name for name in jars.split() if not Path(f"/usr/share/java/{name}.jar").exists()]
    if shutil.which("javac") is None:
        missing.append("javac")
    if missing:
        lacks = f"{', '.join(missing)} not installed: run `make setup-tests`"
        assert not os.environ.get("CI"), lacks
        pytest.skip(lacks)
    return lines


LANGUAGES: Final = {"Python": _python, "JavaScript": _javascript, "Java": _java}
"""What puts the program into a folder, and returns the lines that run it there."""


def _block(page: str, language: str, having: str = "") -> str:
    """The only block of code on the page in this language that has these characters."""
    text = (DOCUMENTS / page).read_text(encoding="utf-8")
    found = re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)
    (block,) = (block for block in found if having in block)
    return str(block)


async def _output(lines: str, folder: Path, amqp_url: str) -> list[str]:
    wanted = [line for line in lines.splitlines() if not line.startswith(INSTALLS)]
    # Compiled in a hurry: a program runs for a second.
    environment = {"AMQP_URL": amqp_url, "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1"}
    program = await asyncio.create_subprocess_exec(
        *("bash", "-euc", "\n".join(wanted)),
        cwd=folder,
        env={**unmeasured(), **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(program.communicate(), TIMEOUT_SECONDS)
    if program.returncode != 0:
        raise ProgramFailedError(output.decode())
    return output.decode().splitlines()
