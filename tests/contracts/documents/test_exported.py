"""The exported files: current and deterministic."""

import subprocess
import sys
from pathlib import Path

from activation_contracts.documents.export import export

from tests.contracts.exported import EXPORTED
from tests.support.alone import ONLY_PYDANTIC

IMPORT_ALL = """
import importlib, pathlib
import activation_contracts
folder = pathlib.Path(activation_contracts.__file__).parent
for path in sorted(folder.rglob("*.py")):
    name = ".".join(path.relative_to(folder).with_suffix("").parts)
    if name not in sys.argv[1:]:
        print(importlib.import_module(f"activation_contracts.{name}").__name__)
"""
AT_A_BROKER = (
    *("broker.connection", "conformance.at_broker", "conformance.broker_harness"),
    *("fake_pbx.service",),
)


def files_in(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_the_exported_contracts_are_current(tmp_path: Path) -> None:
    written = export(tmp_path)

    assert files_in(tmp_path) == files_in(EXPORTED), "run `make contracts`"
    assert sorted(written) == sorted(path for path in tmp_path.rglob("*") if path.is_file())


def test_export_does_not_change_other_files(tmp_path: Path) -> None:
    other = tmp_path / "schemas" / "other.json"
    other.parent.mkdir()
    other.write_text("{}")

    export(tmp_path)

    assert other.read_text() == "{}"


def test_the_contracts_without_a_broker_are_importable_with_pydantic_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ONLY_PYDANTIC + IMPORT_ALL, *AT_A_BROKER],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "activation_contracts.documents.asyncapi.document" in done.stdout
    assert "activation_contracts.conformance.__main__" in done.stdout
