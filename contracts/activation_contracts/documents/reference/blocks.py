"""What the pages are made of. Texts mark names by backticks; a name that has a place is linked."""

import re
from dataclasses import dataclass
from typing import Final, Literal

__all__ = [
    "INDEX",
    "Block",
    "Bullets",
    "Code",
    "Diagram",
    "Files",
    "Guides",
    "Heading",
    "Page",
    "PageName",
    "Paragraph",
    "Table",
    "slug",
]

PageName = str
INDEX: Final = "README"
"""The page that GitHub shows for the folder."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading below the title of the page."""

    text: str
    level: Literal[2, 3] = 2
    is_place: bool = False
    """Whether texts link to it; its slug is then unique among all pages."""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph."""

    text: str
    lead: str = ""
    """Words that stand out, before the text."""


@dataclass(frozen=True, slots=True)
class Bullets:
    """A list."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table; its cells are texts."""

    heading: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Code:
    """A block of code."""

    language: str
    text: str


@dataclass(frozen=True, slots=True)
class Diagram:
    """The diagram of all changes of the status."""


@dataclass(frozen=True, slots=True)
class Files:
    """A list of files, each as its path from the exported contracts and what it is."""

    items: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Guides:
    """Documents beside the folder, below a heading. The HTML page, which stands alone, has none."""

    items: tuple[tuple[str, str], ...]


Block = Heading | Paragraph | Bullets | Table | Code | Diagram | Files | Guides


@dataclass(frozen=True, slots=True)
class Page:
    """A page: a file in the folder, a section of the HTML page."""

    name: PageName
    title: str
    blocks: tuple[Block, ...]
    group: str | None = None
    """The group of a message."""


def slug(heading: str) -> str:
    """The anchor that GitHub gives to a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
