"""Reads the docstrings below the attributes of a class, which Python does not keep."""

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from typing import Final

__all__ = ["attribute_docstrings", "prose"]

_PACKAGE: Final = __name__.partition(".")[0]


def attribute_docstrings(cls: type) -> Mapping[str, str]:
    """The docstring below each attribute of the class, or of the nearest base that has one.

    Needs the source code. It is read only when contracts are generated, and not at each import.
    """
    ours = [base for base in reversed(cls.__mro__) if base.__module__.startswith(_PACKAGE)]
    return {name: text for base in ours for name, text in _own(base)}


def prose(docstring: str) -> str:
    """The text of a docstring, each paragraph in one line."""
    paragraphs = inspect.cleandoc(docstring).split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _own(cls: type) -> Iterator[tuple[str, str]]:
    for statement, following in pairwise(_classes_of(cls.__module__)[cls.__qualname__].body):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                yield name, prose(text)
            case _:
                pass


@cache
def _classes_of(module: str) -> Mapping[str, ast.ClassDef]:
    """The classes at the top level of a module."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
