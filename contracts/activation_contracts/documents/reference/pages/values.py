"""The page of enumerations and formats."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from activation_contracts.documents.reference.blocks import Block, Bullets, Heading, Page, Paragraph
from activation_contracts.documents.reference.pages.codes import CODE_SYNONYMS
from activation_contracts.documents.schemas import bundle

__all__ = ["values_page"]

_READABLE: Final = 60
"""A longer pattern tells a person less than its description."""


def values_page() -> Page:
    """The page of all named types but the codes, which have a page of their own."""
    return Page("values", "Values and formats", tuple(_blocks()))


def _blocks() -> Iterator[Block]:
    definitions = {
        name: it
        for name, it in bundle()["$defs"].items()
        if it.get("type") == "string" and name not in CODE_SYNONYMS
    }
    yield Paragraph(
        "Enumerations are closed in what you send: the worker refuses a value that is not listed. "
        "They are open in what the worker sends: a later version may add values. Accept a message "
        "with a value that you do not know, and decide nothing by it."
    )
    yield Heading("Formats")
    for name, definition in definitions.items():
        if not _has_values(definition):
            yield from _format(name, definition)
    yield Heading("Enumerations")
    for name, definition in definitions.items():
        if _has_values(definition):
            yield from _enumeration(name, definition["description"])


def _has_values(definition: Mapping[str, Any]) -> bool:
    return "enum" in definition or "const" in definition


def _format(name: str, definition: Mapping[str, Any]) -> Iterator[Block]:
    yield Heading(name, 3, is_place=True)
    pattern = definition.get("pattern", "")
    is_readable = bool(pattern) and len(pattern) <= _READABLE and "\\x" not in pattern
    yield Paragraph(
        definition["description"]
        + (f" It matches `{pattern}`." if is_readable else "")
        + "".join(f" For example `{it}`." for it in definition.get("examples", ()))
    )


def _enumeration(name: str, description: str) -> Iterator[Block]:
    # The schema's description ends in a list of the values, each in a line with its meaning.
    text, _, values = description.partition("\n\n- ")
    yield Heading(name, 3, is_place=True)
    yield Paragraph(text)
    if values:
        yield Bullets(tuple(values.split("\n- ")))
