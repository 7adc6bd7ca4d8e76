"""Escapes text of others before it is printed to a person."""

from collections.abc import Mapping
from typing import Any, overload

__all__ = ["on_one_line", "printable"]


@overload
def printable(value: str) -> str: ...
@overload
def printable(value: Mapping[str, Any]) -> Mapping[str, Any]: ...
def printable(value: object) -> object:
    """The value with every text in it escaped: no character controls a terminal or ends a line.

    Escapes control characters (C0, DEL, C1), line and paragraph separators, directional and other
    invisible formatting, surrogates and unassigned code points, as Python writes them. Other values
    stay as they are.
    """
    return _escaped(value)


def _escaped(value: object) -> object:
    match value:
        case str():
            return _escaped_text(value)
        case Mapping():
            return {name: _escaped(item) for name, item in value.items()}
        case list() | tuple():
            return [_escaped(item) for item in value]
        case _:
            return value


def _escaped_text(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else _escaped_character(character)
        for character in text
    )


def _escaped_character(character: str) -> str:
    return character.encode("unicode_escape").decode()


def on_one_line(text: str) -> str:
    """The text escaped and on one line: each run of white space becomes a space."""
    return printable(" ".join(text.split()))
