"""Each library that the code imports is declared, and each declared library is imported."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import files, packages_distributions
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parent.parent
OURS: Final = {"activation_contracts", "tests", "worker"}
STANDARD: Final = sys.stdlib_module_names
CONTRACTS: Final = "activation-worker-contracts"
COMMAND_LINE_TOOLS: Final = {
    *("coverage", "import-linter", "mypy", "ruff", "setuptools", "wheel"),
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


NAMESPACE: Final = "opentelemetry"
"""A package of many distributions: which one is imported, its files tell."""


def imported(*packages: str, but: Iterable[str] = ()) -> set[str]:
    """The distributions whose modules the packages import."""
    modules = set()
    for package in packages:
        for path in (ROOT / package).rglob("*.py"):
            if not any(path.is_relative_to(ROOT / left_out) for left_out in but):
                modules |= imports_of(ast.parse(path.read_text(encoding="utf-8")))
    known = packages_distributions()
    external = {module for module in modules if top_of(module) not in OURS | STANDARD}
    return {re.sub(r"[_.]", "-", distribution_of(module, known)).lower() for module in external}


def distribution_of(module: str, known: Mapping[str, Sequence[str]]) -> str:
    candidates = known[top_of(module)]
    if top_of(module) != NAMESPACE:
        return candidates[0]
    path = module.replace(".", "/")
    (found,) = {
        name
        for name in candidates
        if {f"{path}.py", f"{path}/__init__.py"} & set(map(str, files(name) or ()))
    }
    return found


def top_of(module: str) -> str:
    return module.partition(".")[0]


def imports_of(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add(str(node.module))
    return found


def test_worker_declares_exactly_the_libraries_that_it_imports() -> None:
    declared = project("pyproject.toml")
    needed = names(declared["dependencies"]) | names(declared["optional-dependencies"]["tracing"])

    assert needed - {CONTRACTS} == imported("worker")


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

    worker = names(declared["dependencies"]) | names(declared["optional-dependencies"]["tracing"])

    assert development - COMMAND_LINE_TOOLS == imported("tests") - worker
    assert development >= COMMAND_LINE_TOOLS


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("requirements.lock", ["tracing"]), ("requirements-dev.lock", ["tracing", "dev"])],
)
def test_lock_pins_every_declared_library(lock: str, extras: list[str]) -> None:
    declared = project("pyproject.toml")
    wanted = names(declared["dependencies"]) - {CONTRACTS}
    for extra in extras:
        wanted |= names(declared["optional-dependencies"][extra])
    pinned = re.findall(r"^([\w.-]+)==", (ROOT / lock).read_text(encoding="utf-8"), re.MULTILINE)

    assert wanted <= set(pinned)


@pytest.mark.parametrize(
    "lock",
    [
        *("requirements.lock", "requirements-dev.lock"),
        *(
            "contracts/docs/programs/package-lock.json",
            "tests/contracts/documents/node/package-lock.json",
        ),
    ],
)
def test_a_lock_file_pins_versions_and_hashes_and_names_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")

    assert re.search(r"sha256:|sha512-", text)
    assert "://" not in text
