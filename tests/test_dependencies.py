"""Each library that the code imports is declared, and each declared library is imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parent.parent
OURS: Final = {"activation_contracts", "tests", "worker"}
CONTRACTS: Final = "activation-worker-contracts"
COMMAND_LINE_TOOLS: Final = {
    *("check-jsonschema", "coverage", "import-linter", "mypy", "ruff", "setuptools", "wheel"),
    *("pytest-asyncio", "pytest-cov", "pytest-xdist", "types-jsonschema", "types-psutil"),
}
"""Development dependencies that are run or loaded as plug-ins, and never imported."""
AT_A_BROKER: Final = ("broker", "conformance/broker_harness.py", "fake_pbx")
"""What the contracts' extra `broker` is for."""


def project(path: str) -> dict[str, Any]:
    return dict(tomllib.loads((ROOT / path).read_text(encoding="utf-8"))["project"])


def names(requirements: Iterable[str]) -> set[str]:
    found = (re.match(r"[\w.-]+", requirement) for requirement in requirements)
    return {match[0].lower() for match in found if match}


def imported(*packages: str, but: Iterable[str] = ()) -> set[str]:
    """The distributions whose modules the packages import."""
    modules = set()
    for package in packages:
        for path in (ROOT / package).rglob("*.py"):
            if not any(path.is_relative_to(ROOT / left_out) for left_out in but):
                modules |= imports_of(ast.parse(path.read_text(encoding="utf-8")))
    external = modules - OURS - sys.stdlib_module_names
    distributions = packages_distributions()
    return {re.sub(r"[_.]", "-", distributions[module][0]).lower() for module in external}


def imports_of(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module))
    return {module.partition(".")[0] for module in found}


def test_worker_declares_exactly_the_libraries_that_it_imports() -> None:
    assert names(project("pyproject.toml")["dependencies"]) - {CONTRACTS} == imported("worker")


def test_worker_depends_on_the_contracts_of_the_same_version() -> None:
    version = project("contracts/pyproject.toml")["version"]

    assert f"{CONTRACTS}=={version}" in project("pyproject.toml")["dependencies"]
    assert version == project("pyproject.toml")["version"]


def test_contracts_declare_exactly_the_libraries_that_they_import() -> None:
    declared = project("contracts/pyproject.toml")

    assert names(declared["dependencies"]) == imported(
        "contracts", but=[f"contracts/activation_contracts/{path}" for path in AT_A_BROKER]
    )
    everything = [*declared["dependencies"], *declared["optional-dependencies"]["broker"]]
    assert names(everything) == imported("contracts")


def test_development_dependencies_are_exactly_what_only_the_tests_use() -> None:
    declared = project("pyproject.toml")
    development = names(declared["optional-dependencies"]["dev"])

    assert development - COMMAND_LINE_TOOLS == imported("tests") - names(declared["dependencies"])
    assert development >= COMMAND_LINE_TOOLS


@pytest.mark.parametrize(
    ("lock", "extra"), [("requirements.lock", None), ("requirements-dev.lock", "dev")]
)
def test_lock_pins_every_declared_library(lock: str, extra: str | None) -> None:
    declared = project("pyproject.toml")
    wanted = names(declared["dependencies"]) - {CONTRACTS}
    if extra:
        wanted |= names(declared["optional-dependencies"][extra])
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)

    assert wanted <= set(pinned)


@pytest.mark.parametrize(
    "lock",
    [
        *("requirements.lock", "requirements-dev.lock"),
        *("contracts/docs/programs/package-lock.json", "tests/contracts/node/package-lock.json"),
    ],
)
def test_a_lock_file_pins_versions_and_hashes_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert re.search(r"sha256:|sha512-", text)
    assert "://" not in text
