"""The two wheels: the contracts work without the worker, and the worker brings no copy of them."""

import json
import re
import shutil
import subprocess
import sys
import sysconfig
from email import message_from_bytes
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import activation_contracts
import pytest

from tests.support.alone import ONLY_PYDANTIC
from tests.support.environments import unmeasured

REPOSITORY = Path(__file__).parents[2]
CONTRACTS, WORKER = "activation_worker_contracts", "activation_worker"
SOURCES = ("pyproject.toml", "README.md", "contracts", "worker")
EXPORTED = Path(activation_contracts.__file__).with_name("exported")
TIMEOUT_SECONDS = 300

USE_THE_WHEEL = """
import doctest, json, sys
unpacked, dependencies = sys.argv[1:]
sys.path[:0] = [unpacked]
sys.path.append(dependencies)
import activation_contracts
assert activation_contracts.__file__.startswith(unpacked), activation_contracts.__file__
from importlib.resources import files
schemas = files("activation_contracts") / "exported" / "schemas"
titles = [json.loads(schema.read_text())["title"] for schema in schemas.iterdir()]
print(json.dumps([doctest.testmod(activation_contracts), sorted(titles)]))
"""


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ZipFile]:
    """Both wheels by the name of their project, built from a copy of the sources."""
    copy = tmp_path_factory.mktemp("sources")
    built = tmp_path_factory.mktemp("wheels")
    for name in SOURCES:
        source = REPOSITORY / name
        if source.is_dir():
            leftovers = shutil.ignore_patterns("build", "*.egg-info", "__pycache__")
            shutil.copytree(source, copy / name, ignore=leftovers)
        else:
            shutil.copy(source, copy)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation"),
            *("--no-index", "--wheel-dir", str(built), ".", "./contracts"),
        ],
        cwd=copy,
        env=unmeasured(),  # coverage would count the copy as code that nobody runs
        check=True,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
    )
    return {path.name.partition("-")[0]: ZipFile(path) for path in built.iterdir()}


def metadata(wheel: ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return message_from_bytes(wheel.read(name))


def requirements(wheel: ZipFile) -> list[str]:
    """What the project needs without an extra."""
    lines = metadata(wheel).get_all("Requires-Dist") or []
    return [str(line) for line in lines if "extra ==" not in line]


def top_level(wheel: ZipFile) -> set[str]:
    return {name.partition("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}


def test_each_wheel_holds_its_own_package_and_the_worker_requires_the_other(
    wheels: dict[str, ZipFile],
) -> None:
    packages = {name: top_level(wheel) for name, wheel in wheels.items()}
    version = metadata(wheels[CONTRACTS])["Version"]

    assert packages == {CONTRACTS: {"activation_contracts"}, WORKER: {"worker"}}
    assert f"activation-worker-contracts=={version}" in requirements(wheels[WORKER])
    assert [re.split("[<>=]", line)[0] for line in requirements(wheels[CONTRACTS])] == [
        *("pydantic", "pydantic-core", "typing-extensions")
    ]


def test_each_wheel_describes_itself(wheels: dict[str, ZipFile]) -> None:
    descriptions = {name: str(metadata(wheel).get_payload()) for name, wheel in wheels.items()}

    assert descriptions[CONTRACTS].startswith("# activation-worker-contracts\n")
    assert len(descriptions[WORKER]) > len(descriptions[CONTRACTS])


def test_wheel_of_the_contracts_holds_every_exported_file_and_the_style_of_the_reference(
    wheels: dict[str, ZipFile],
) -> None:
    package = EXPORTED.parent
    files = [path for path in EXPORTED.rglob("*") if path.is_file()]
    files.append(package / "documents" / "reference" / "style.css")
    held = {*wheels[CONTRACTS].namelist()}

    assert [it for it in files if str(it.relative_to(package.parent)) not in held] == []


@pytest.mark.parametrize(
    "module", ["activation_contracts.documents.reference", "activation_contracts.documents.tables"]
)
@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["run", "help"])
def test_a_generator_of_documents_in_the_wheel_says_what_it_is_and_where_its_result_is(
    wheels: dict[str, ZipFile], tmp_path: Path, module: str, arguments: tuple[str, ...]
) -> None:
    wheels[CONTRACTS].extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=tmp_path,
        env={**unmeasured(), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )

    if arguments:
        assert (done.returncode, done.stderr) == (0, "")
        assert "contracts/docs" in done.stdout
    else:
        assert (done.returncode, done.stdout) == (1, "")
        assert "activation_contracts/exported/reference.html" in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_the_contracts_are_used_from_their_wheel_with_pydantic_alone(
    wheels: dict[str, ZipFile], tmp_path: Path
) -> None:
    wheels[CONTRACTS].extractall(tmp_path)
    done = subprocess.run(
        # Without `site`: an editable installation of this repository would be found otherwise.
        [
            *(sys.executable, "-I", "-S", "-c", ONLY_PYDANTIC + USE_THE_WHEEL),
            *(str(tmp_path), sysconfig.get_path("platlib")),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_SECONDS,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    *failures, last_line = done.stdout.splitlines()
    (failed, attempted), titles = json.loads(last_line)
    assert (failed, attempted > 10) == (0, True), failures
    assert len(titles) == len([*(EXPORTED / "schemas").iterdir()])
