"""Runs the programs of the documents by the lines of their page, in Python, JavaScript and Java."""

import asyncio
import os
import re
import shutil
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final

import activation_contracts
import pytest
from activation_contracts.tables import DOCUMENTS

from tests.support.environments import unmeasured

__all__ = ["LANGUAGES", "Program", "program_in"]

EXPORTED: Final = Path(activation_contracts.__file__).with_name("exported")
TIMEOUT_SECONDS: Final = 120
INSTALLS: Final = ("npm install", "apt-get install")
ARGUMENTS: Final = "+442079460201 acme london-1"

Program = Callable[[str], Coroutine[Any, Any, list[str]]]
"""Runs with the URL of a broker; returns the lines that it prints."""


def program_in(language: str, folder: Path) -> Program:
    """The program in this language, in a new folder of a client.

    Skips the test where a tool is missing, except under CI.
    """
    lines, missing = LANGUAGES[language](folder)
    if missing:
        lacks = f"{', '.join(missing)} not installed"
        assert not os.environ.get("CI"), lacks
        pytest.skip(lacks)
    return partial(_output, lines, folder)


def _python(folder: Path) -> tuple[str, list[str]]:
    (folder / "activate.py").write_text(_block("web-tier.md", "python"))
    return f"{sys.executable} activate.py {ARGUMENTS}", []


def _java(folder: Path) -> tuple[str, list[str]]:
    shutil.copy(DOCUMENTS / "programs" / "Activate.java", folder)
    lines = _block("other-languages.md", "sh", having="java ")
    (jars,) = re.findall(r"/%s\.jar:' \\\n +(.*)\)", lines)
    missing = [name for name in jars.split() if not Path(f"/usr/share/java/{name}.jar").exists()]
    return lines, missing if shutil.which("javac") else [*missing, "javac"]


LANGUAGES: Final[dict[str, Callable[[Path], tuple[str, list[str]]]]] = {
    "Python": _python,
    "Java": _java,
}
"""What puts the program into a folder: returns the lines that run it, and what is missing."""


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
    assert program.returncode == 0, output.decode()
    return output.decode().splitlines()
