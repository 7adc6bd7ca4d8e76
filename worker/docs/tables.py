"""Generates the tables in the worker's documents: `python -m worker.docs.tables`."""

import importlib
import inspect
import re
import sys
import tomllib
from enum import Enum
from pathlib import Path
from typing import Final

from activation_contracts.documents.tables import Tables, rewrite, table
from activation_contracts.topology.roles import ROLES
from pydantic.fields import FieldInfo

from worker.cli.exits import MEANINGS
from worker.docs.answers import answers_table
from worker.runtime.amqp_parameters import PARAMETERS
from worker.settings import Settings, environment_name
from worker.telemetry.logs import Action
from worker.telemetry.metrics import describe
from worker.telemetry.metrics.declaring import Domain
from worker.telemetry.process_counters import PREFIX

__all__ = ["DOCUMENTS", "PAGES", "TABLES"]

DOCUMENTS: Final = Path(__file__).parent
REPOSITORY: Final = DOCUMENTS.parents[1]
PAGES: Final = (
    REPOSITORY / "README.md",
    *sorted(DOCUMENTS.glob("*.md")),
    *sorted((DOCUMENTS / "runbook").glob("*.md")),
)
UNITS: Final = ("seconds", "days", "commands", "messages", "attempts")


def _broker_rights() -> str:
    return table(
        ("role", "configure", "write", "read"),
        (
            (role.name, *(_pattern(item) for item in (role.configure, role.write, role.read)))
            for role in ROLES
        ),
    )


def _pattern(text: str) -> str:
    # A bar ends a cell of a table, even in code.
    return f"`{text}`".replace("|", "\\|")


def _settings() -> str:
    return table(
        ("setting", "default", "unit", "meaning"),
        (
            (f"`{environment_name(name)}`", _shown(field), _unit(name), field.description or "")
            for name, field in Settings.model_fields.items()
        ),
    )


def _amqp_parameters() -> str:
    return table(
        ("parameter", "meaning"), ((f"`{name}`", meaning) for name, meaning in PARAMETERS.items())
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


def _metric_labels() -> str:
    """The values of each label, with the metrics that have it."""
    metrics_of: dict[tuple[str, Domain], list[str]] = {}
    for row in describe():
        for label, domain in row.labels.items():
            metrics_of.setdefault((label, domain), []).append(row.name.removeprefix(f"{PREFIX}_"))
    return table(
        ("label", "of", "values"),
        (
            (f"`{label}`", ", ".join(f"`{name}`" for name in names), _values(domain))
            for (label, domain), names in metrics_of.items()
        ),
    )


def _values(domain: Domain) -> str:
    values = [f"`{value}`" for value in domain.values]
    return ", ".join([*values, *([domain.described] if domain.more else [])])


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


def _packages() -> str:
    """The packages from the top down, as the import rules order them, each with its docstring."""
    rules = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (
        contract["layers"]
        for contract in rules["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers" and "containers" not in contract
    )
    described = ((name.replace(".", "/"), _first_line_of(name)) for name in layers)
    return table(("package", "what it is"), ((f"`{name}`", line) for name, line in described))


def _first_line_of(module: str) -> str:
    return (importlib.import_module(module).__doc__ or "").split("\n", maxsplit=1)[0]


TABLES: Final[Tables] = {
    "actions": _actions,
    "amqp-parameters": _amqp_parameters,
    "answers": answers_table,
    "broker-rights": _broker_rights,
    "exit-codes": _exit_codes,
    "metric-labels": _metric_labels,
    "metrics": _metrics,
    "packages": _packages,
    "settings": _settings,
}
"""The tables that a document can show, by name."""

if __name__ == "__main__":
    for document in rewrite(PAGES, TABLES):
        sys.stdout.write(f"{document.name} has changed\n")
