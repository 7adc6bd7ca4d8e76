"""Names the steps of an operation with the group or the device that each is about. Pure."""

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

__all__ = ["step_name", "target_of"]


def step_name(row: Mapping[str, Any]) -> str:
    """The step with its target, as in "handset_logout desk-7"."""
    return " ".join(filter(None, (row["step"], row["target"])))


def target_of(body: bytes) -> str:
    """The group or the device that a message is about; empty if it names none."""
    with suppress(ValueError):
        match json.loads(body):
            case {"data": {"hunt_group_id": str(group), "action": str(action)}}:
                return f"{action} {group}"
            case {"data": {"device_id": str(device)}}:
                return device
            case _:
                pass
    return ""
