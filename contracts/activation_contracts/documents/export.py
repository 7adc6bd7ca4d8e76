"""Exports the contracts as files, for users of other languages."""

import json
from dataclasses import asdict
from pathlib import Path

from activation_contracts.catalogue import CATALOGUE, MessageDefinition
from activation_contracts.documents.asyncapi import asyncapi_document
from activation_contracts.documents.reference import html_document
from activation_contracts.documents.schemas import bundle, schema_file
from activation_contracts.examples import EXAMPLES
from activation_contracts.topology import EVENT_LOG_DAYS, EXCHANGES, QUEUES, event_log
from activation_contracts.topology.definitions import rabbitmq_definitions

__all__ = ["export"]


def export(directory: Path) -> list[Path]:
    """Writes schemas, examples, the AsyncAPI document, the topology and the reference.

    Returns the paths.

    The topology is there as the worker states it, and as definitions that RabbitMQ imports;
    `schemas.json` bundles the schemas.

    The output is deterministic. Other files in the directory are not changed.
    """
    documents: dict[str, object] = {
        "asyncapi.json": asyncapi_document(),
        "schemas.json": bundle(),
        "topology.json": {
            "exchanges": [asdict(exchange) for exchange in EXCHANGES],
            "queues": [asdict(queue) for queue in (*QUEUES, event_log(EVENT_LOG_DAYS))],
            "messages": [_destination(row) for row in CATALOGUE],
        },
        "rabbitmq-definitions.json": rabbitmq_definitions(),
    }
    for row in CATALOGUE:
        documents[f"schemas/{row.type}.json"] = schema_file(row)
    for name, example in EXAMPLES.items():
        documents[f"examples/{name}.json"] = json.loads(example.encode())
    # JSON in ASCII: patterns contain characters that a person does not see.
    texts = {name: json.dumps(document, indent=2) + "\n" for name, document in documents.items()}
    texts["reference.html"] = html_document()
    return [_write(directory / name, text) for name, text in texts.items()]


def _destination(row: MessageDefinition) -> dict[str, object]:
    """Where a type of message is published, and which queue receives it."""
    return {
        "type": row.type,
        "direction": row.direction,
        "exchange": row.exchange,
        "routing_key": row.routing_key,
        "queue": row.queue,
        "bulk_routing_key": row.bulk_routing_key,
        "bulk_queue": row.bulk_queue,
    }


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")
    return path
