"""The exported files: current, deterministic, and valid AsyncAPI."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import activation_contracts
from activation_contracts.asyncapi import asyncapi_document
from activation_contracts.catalogue import CATALOGUE
from activation_contracts.export import export
from activation_contracts.topology import QUEUES

from tests.support.alone import ONLY_PYDANTIC

EXPORTED = Path(activation_contracts.__file__).with_name("exported")

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
    *("broker.connection", "conformance.at_broker", "conformance.bench"),
    *("fake_pbx.service",),
)


def files_in(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def target_of(document: dict[str, Any], reference: str) -> Any:
    node: Any = document
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def references_in(node: Any) -> list[str]:
    if isinstance(node, dict):
        inner = [found for value in node.values() for found in references_in(value)]
        return [node["$ref"], *inner] if isinstance(node.get("$ref"), str) else inner
    if isinstance(node, list):
        return [found for value in node for found in references_in(value)]
    return []


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


def test_every_reference_in_the_asyncapi_document_has_a_target() -> None:
    document = asyncapi_document()
    references = references_in(document)

    assert references
    assert all(target_of(document, reference) for reference in references)


def test_the_worker_receives_commands_and_results_and_sends_the_rest() -> None:
    operations = asyncapi_document()["operations"]

    assert {name: operation["action"] for name, operation in operations.items()} == {
        row.type: "receive" if row.direction == "received" else "send" for row in CATALOGUE
    }


def test_the_answer_to_an_unreadable_message_is_a_reply_to_commands_and_to_results() -> None:
    document = asyncapi_document()
    reply = "#/channels/replies/messages/telephony.message.unreadable.v1"
    answered = {
        name
        for name, operation in document["operations"].items()
        if {"$ref": reply} in operation.get("reply", {}).get("messages", [])
    }

    assert answered == {row.type for row in CATALOGUE if row.direction == "received"}
    sent = document["operations"]["telephony.message.unreadable.v1"]
    assert sent["channel"] == {"$ref": "#/channels/replies"}


def test_the_asyncapi_document_has_queue_arguments_as_extensions() -> None:
    channels = asyncapi_document()["channels"]

    for queue in QUEUES:
        amqp = channels[queue.name]["bindings"]["amqp"]
        assert amqp["queue"]["name"] == queue.name
        assert {*amqp} == {"is", "queue", "bindingVersion"}
        assert channels[queue.name]["x-queue-arguments"] == dict(queue.arguments)


def test_the_exported_asyncapi_document_equals_the_generated_one() -> None:
    document = asyncapi_document()

    assert json.loads(json.dumps(document)) == json.loads(
        (EXPORTED / "asyncapi.json").read_text(encoding="utf-8")
    )


def test_the_contracts_without_a_broker_are_importable_with_pydantic_only() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ONLY_PYDANTIC + IMPORT_ALL, *AT_A_BROKER],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 0, done.stderr
    assert "activation_contracts.asyncapi" in done.stdout
    assert "activation_contracts.conformance.__main__" in done.stdout
