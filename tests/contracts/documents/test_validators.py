"""Schemas and examples in the tools of others: validators and a generator of types."""

import json
import subprocess
import sys
from pathlib import Path
from shutil import copy

import pytest

from tests.contracts.exported import EXPORTED, SCHEMA_FILES
from tests.support.node import NodeProject

EXAMPLES = sorted((EXPORTED / "examples").glob("*.json"))
TYPES = Path(__file__).parent / "node" / "messages.d.ts"
"""What a person would write. To accept a change: write the output of types.cjs here."""


def check_jsonschema(*arguments: str | Path) -> None:
    command = [sys.executable, "-m", "check_jsonschema", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_ajv_in_strict_mode_accepts_schemas_and_examples(contract_tools: NodeProject) -> None:
    assert EXAMPLES
    assert json.loads(contract_tools.run("validate.cjs", str(EXPORTED))) == []


def test_check_jsonschema_accepts_the_schemas() -> None:
    check_jsonschema("--check-metaschema", *(EXPORTED / name for name in SCHEMA_FILES))


def test_check_jsonschema_accepts_every_example_by_the_bundle() -> None:
    check_jsonschema("--schemafile", EXPORTED / "schemas.json", *EXAMPLES)


def test_check_jsonschema_refuses_a_wrong_example(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.json"
    example = json.loads(EXAMPLES[0].read_text(encoding="utf-8"))
    wrong.write_text(json.dumps({**example, "id": ""}), encoding="utf-8")

    with pytest.raises(AssertionError, match="is not valid under any"):
        check_jsonschema("--schemafile", EXPORTED / "schemas.json", wrong)


def test_generated_types_are_those_that_a_person_would_write(contract_tools: NodeProject) -> None:
    generated = contract_tools.run("types.cjs", str(EXPORTED / "schemas.json"))

    assert generated == TYPES.read_text(encoding="utf-8")


def test_a_program_in_typescript_compiles_with_the_generated_types(
    contract_tools: NodeProject, tmp_path: Path
) -> None:
    for name in ("messages.d.ts", "reader.ts"):
        copy(TYPES.with_name(name), tmp_path)
    compiler = contract_tools.packages / "typescript" / "bin" / "tsc"
    contract_tools.run(compiler, "--noEmit", "--strict", str(tmp_path / "reader.ts"))
