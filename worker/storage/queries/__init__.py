"""The SQL queries of the storage, in named-query files: `-- name:` and a comment begin each.

A query may have named parameters (`:now`). It ends with a semicolon.
"""

import re
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Final, NamedTuple

__all__ = ["QUERIES", "Query", "QueryFileError", "parse", "query"]

_HEADER: Final = re.compile(r"^-- name:(.*)\n", re.MULTILINE)
_NAME: Final = re.compile(r" [a-z_]+")
_COMMENT: Final = re.compile(r"--.*")
_PARAMETER: Final = re.compile(r"(?<![:\w]):([a-z_]+)")


class QueryFileError(Exception):
    """A query file is malformed, or a query is unknown."""


class Query(NamedTuple):
    """SQL as the driver takes it, with numbers where the file has named parameters."""

    sql: str
    """It begins with the line that names it, which PostgreSQL shows in its logs and statistics."""
    parameters: tuple[str, ...]
    """The names, in the order of their numbers."""


def parse(texts: Iterable[tuple[str, str]]) -> Mapping[str, Query]:
    """The queries of these files (name and text) by name. Raises `QueryFileError`."""
    found: dict[str, Query] = {}
    for file, text in texts:
        preamble, *parts = _HEADER.split(text)
        if _COMMENT.sub("", preamble).strip():
            raise QueryFileError(f"{file}: SQL stands before the first `-- name:` line")
        for name, body in zip(parts[::2], parts[1::2], strict=True):
            if not _NAME.fullmatch(name):
                raise QueryFileError(f"{file}: `-- name:{name}` gives no name like `load_numbers`")
            if name[1:] in found:
                raise QueryFileError(f"{file}: a second query has the name {name[1:]}")
            if not _COMMENT.sub("", body).strip(" \n;"):
                raise QueryFileError(f"{file}: the query {name[1:]} is empty")
            found[name[1:]] = _numbered(f"-- name:{name}\n{body.rstrip().removesuffix(';')}")
    return found


def query(name: str) -> Query:
    """The query of this name. Raises `QueryFileError` if no file has it."""
    try:
        return QUERIES[name]
    except KeyError:
        raise QueryFileError(f"no query file has a query {name}") from None


def _numbered(sql: str) -> Query:
    numbers: dict[str, int] = {}
    text = _PARAMETER.sub(lambda found: f"${numbers.setdefault(found[1], len(numbers) + 1)}", sql)
    return Query(text, tuple(numbers))


QUERIES: Final = parse(
    (file.name, file.read_text(encoding="utf-8"))
    for file in files(__package__).iterdir()
    if file.name.endswith(".sql")
)
