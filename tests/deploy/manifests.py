"""Reads the files of a deployment."""

import math
from pathlib import Path
from typing import Any

import yaml

import worker
from worker.settings import Settings
from worker.storage.connecting.connector import COMMAND_TIMEOUT_SECONDS

__all__ = ["DEPLOY", "GRACE_SECONDS", "REPOSITORY", "read_yaml"]

DEPLOY = Path(worker.__file__).parent / "deploy"
REPOSITORY = DEPLOY.parents[1]
GRACE_SECONDS = math.ceil(Settings().stop_deadline_seconds + COMMAND_TIMEOUT_SECONDS)
"""How long a stop takes at most: the deadline, and a statement that has begun before it."""


def read_yaml(file: Path) -> Any:
    """The only document of the file."""
    return yaml.safe_load(file.read_text(encoding="utf-8"))
