"""Generates the tables in the documents: `python -m activation_contracts.documents.tables`.

A document marks a place with `<!-- table: name -->` and `<!-- end of table -->`; the text between
the marks is generated.
"""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from activation_contracts.catalogue import (
    CATALOGUE,
    COMMAND_QUEUE,
    DIRECTORY_QUEUE,
    EVENT_EXCHANGE,
    REPORT_QUEUE,
    RESULT_QUEUE,
    MessageDefinition,
)
from activation_contracts.conformance.cases import CASES
from activation_contracts.documents.folder import DOCUMENTS, read_generator_arguments
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.reading.forgiven import FORGIVEN
from activation_contracts.topology import EVENT_LOG_DAYS, QUEUES, event_log
from activation_contracts.values import EXTENSION_FEATURES

__all__ = [
    "TABLES",
    "Tables",
    "rewrite",
    "table",
    "with_tables",
]

_PLACE: Final = re.compile(
    r"(?P<start><!-- table: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end of table -->)", re.DOTALL
)


Tables = Mapping[str, Callable[[], str]]


def with_tables(document: str, tables: Tables) -> str:
    """The document with its marked places generated. Raises KeyError for an unknown name."""
    return _PLACE.sub(
        lambda place: f"{place['start']}{tables[place['name']]()}{place['end']}", document
    )


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = (heading, ("---",) * len(heading), *rows)
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _commands() -> str:
    return _messages(row for row in CATALOGUE if row.queue == COMMAND_QUEUE)


def _reports() -> str:
    return _messages(row for row in CATALOGUE if row.queue == REPORT_QUEUE)


def _pbx_results() -> str:
    return _messages(row for row in CATALOGUE if row.queue == RESULT_QUEUE)


def _directory() -> str:
    return _messages(row for row in CATALOGUE if row.queue == DIRECTORY_QUEUE)


def _events() -> str:
    return _messages(row for row in CATALOGUE if row.direction == "published" and not row.queue)


def _other_events() -> str:
    """The routing keys of the events that `phone_number.#` does not match."""
    return "".join(
        f"- `{row.routing_key}`\n"
        for row in CATALOGUE
        if row.exchange == EVENT_EXCHANGE and not row.routing_key.startswith("phone_number.")
    )


def _properties() -> str:
    return table(
        ("property", "value"),
        (
            ("content_type", f"`{CONTENT_TYPE}`"),
            ("delivery_mode", "2 (persistent)"),
            ("message_id", "`id`"),
            ("type", "`type`"),
            ("correlation_id", "`correlationid`"),
            ("timestamp", "`time`, in whole seconds"),
        ),
    )


def _features() -> str:
    return "".join(f"- `{name}`\n" for name in EXTENSION_FEATURES)


def _messages(rows: Iterable[MessageDefinition]) -> str:
    return table(
        ("type", "exchange", "routing key", "meaning"),
        (
            (
                _linked(row),
                f"`{row.exchange}`",
                f"`{_documented_key(row)}`",
                row.meaning,
            )
            for row in rows
        ),
    )


def _pbx_messages() -> str:
    return table(
        ("type", "routing key", "queue", "meaning"),
        (
            (
                _linked(row),
                f"`{_documented_key(row)}`",
                f"`{row.queue}`",
                row.meaning,
            )
            for row in CATALOGUE
            if row.direction == "published" and row.queue
        ),
    )


def _queues() -> str:
    return table(
        ("queue", "bound to", "arguments"),
        (
            (
                f"`{queue.name}`",
                "<br>".join(
                    f"`{it.exchange}`" + (f" by `{it.routing_key}`" if it.routing_key else "")
                    for it in queue.bindings
                ),
                "<br>".join(
                    f"`{name}`: `{json.dumps(value)}`" for name, value in queue.arguments.items()
                ),
            )
            for queue in (*QUEUES, event_log(EVENT_LOG_DAYS))
        ),
    )


def _forgiven() -> str:
    return table(("sent", "is read"), ((row.what, row.reading) for row in FORGIVEN))


def _replies() -> str:
    return table(
        ("type", "meaning"),
        ((_linked(row), row.meaning) for row in CATALOGUE if row.direction == "replied"),
    )


def _conformance_cases() -> str:
    return table(
        ("case", "what happens", "the rule"),
        ((f"`{case.name}`", case.meaning, case.rule.words) for case in CASES),
    )


def _program(name: str, language: str) -> str:
    """A program of the documents, as a block of code."""
    text = (DOCUMENTS / "programs" / name).read_text(encoding="utf-8")
    return f"```{language}\n{text}```\n"


TABLES: Final[Tables] = {
    "commands": _commands,
    "conformance-cases": _conformance_cases,
    "directory": _directory,
    "events": _events,
    "features": _features,
    "forgiven": _forgiven,
    "java-program": partial(_program, "Activate.java", "java"),
    "javascript-program": partial(_program, "activate.mjs", "js"),
    "other-events": _other_events,
    "pbx-messages": _pbx_messages,
    "pbx-results": _pbx_results,
    "properties": _properties,
    "queues": _queues,
    "replies": _replies,
    "reports": _reports,
}
"""The generators, by the name that a marked place uses."""


def _linked(row: MessageDefinition) -> str:
    """The type, with a link to its page of the reference."""
    return f"[`{row.type}`](reference/{row.type}.md)"


def _documented_key(row: MessageDefinition) -> str:
    return row.routing_key.replace("{", "<").replace("}", ">")


def rewrite(documents: Iterable[Path], tables: Tables) -> list[Path]:
    """Generates the marked places of these documents; returns those that have changed."""
    changed = []
    for path in documents:
        before = path.read_text(encoding="utf-8")
        after = with_tables(before, tables)
        if after != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    read_generator_arguments(
        "activation_contracts.documents.tables",
        "Generates the tables in the documents of contracts/docs.",
    )
    for document in rewrite(sorted(DOCUMENTS.glob("*.md")), TABLES):
        sys.stdout.write(f"{document.name} has changed\n")
