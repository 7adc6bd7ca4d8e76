"""Generates the users of RabbitMQ for a deployment: `python -m worker.docs.definitions`."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from activation_contracts.topology.definitions import rabbitmq_permissions, rabbitmq_users

__all__ = ["FILES", "FOLDER", "text_of"]

FOLDER: Final = Path(__file__).parents[1] / "deploy" / "rabbitmq"
FILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "users.json": rabbitmq_users(),
    "permissions.json": rabbitmq_permissions(),
}


def text_of(definitions: Mapping[str, Any]) -> str:
    """The text of a file of definitions."""
    return json.dumps(definitions, indent=2) + "\n"


if __name__ == "__main__":
    for name, definitions in FILES.items():
        if (FOLDER / name).read_text(encoding="utf-8") != text_of(definitions):
            (FOLDER / name).write_text(text_of(definitions), encoding="utf-8")
            sys.stdout.write(f"{name} has changed\n")
