"""Generates the tables in the worker's documents: `python -m worker.docs.tables`."""

import inspect
import re
import sys
from enum import Enum
from pathlib import Path
from typing import Final

from pydantic.fields import FieldInfo

from contracts.tables import Tables, rewrite, table
from worker.cli.exits import MEANINGS
from worker.core.results import VERDICTS, Condition
from worker.settings import Settings, environment_name
from worker.telemetry.logs import Action
from worker.telemetry.metrics import describe

__all__ = ["DOCUMENTS", "TABLES"]

DOCUMENTS: Final = Path(__file__).parent
UNITS: Final = ("seconds", "days", "commands", "messages", "attempts")


def _settings() -> str:
    return table(
        ("setting", "default", "unit", "meaning"),
        (
            (f"`{environment_name(name)}`", _shown(field), _unit(name), field.description or "")
            for name, field in Settings.model_fields.items()
        ),
    )


def _unit(name: str) -> str:
    # The name of a setting contains its unit.
    return next((unit for unit in UNITS if unit in name.split("_")), "")


def _shown(field: FieldInfo) -> str:
    default = field.default
    if isinstance(default, (tuple, frozenset)):
        words = ",".join(sorted(default))
    else:
        words = str(default).lower() if isinstance(default, bool) else str(default)
    return f"`{words}`" if words else "none"


def _metrics() -> str:
    return table(
        ("metric", "kind", "labels", "meaning"),
        (
            (f"`{row.name}`", row.kind, ", ".join(row.labels), row.meaning.replace("|", "\\|"))
            for row in describe()
        ),
    )


def _exit_codes() -> str:
    return table(
        ("code", "meaning"), ((str(code.value), meaning) for code, meaning in MEANINGS.items())
    )


def _actions() -> str:
    return table(
        ("action", "what happened"),
        ((f"`{action.value}`", meaning) for action, meaning in _documented(Action).items()),
    )


def _documented(words: type[Enum]) -> dict[Enum, str]:
    """Each member with the docstring below it, which Python does not keep at run time."""
    found = re.findall(
        r'^    ([A-Z_]+) = .*\n    """(.*?)"""', inspect.getsource(words), re.MULTILINE
    )
    return {words[name]: meaning for name, meaning in found}


def _results() -> str:
    return table(
        ("result", *(f"step: {condition}" for condition in Condition)),
        (
            (f"`{result}`", *(row[condition] for condition in Condition))
            for result, row in VERDICTS.items()
        ),
    )


TABLES: Final[Tables] = {
    "actions": _actions,
    "exit-codes": _exit_codes,
    "metrics": _metrics,
    "results": _results,
    "settings": _settings,
}
"""The tables that a document can show, by name."""

if __name__ == "__main__":
    for document in rewrite(DOCUMENTS, TABLES):
        sys.stdout.write(f"{document.name} is up to date\n")
