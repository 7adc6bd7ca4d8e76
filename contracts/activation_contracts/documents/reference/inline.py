"""Texts in parts: words, names in backticks, and names that have a place to which they link."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from activation_contracts.documents.reference.blocks import Heading, Page, PageName, slug

__all__ = ["Place", "Places", "Span", "places_of", "spans"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a name is explained."""

    page: PageName
    anchor: str = ""
    """Empty: the page is about it."""


Places = Mapping[str, Place]


class Span(NamedTuple):
    """A part of a text."""

    text: str
    is_code: bool
    place: Place | None

    @property
    def is_title(self) -> bool:
        """Whether it is the heading of a section, and no name of a program."""
        return self.place is not None and " " in self.text


def spans(text: str, places: Places) -> Iterator[Span]:
    """The parts of a text."""
    for index, part in enumerate(text.split("`")):
        is_code = index % 2 == 1
        if part:
            yield Span(part, is_code, places.get(part) if is_code else None)


def places_of(pages: tuple[Page, ...], synonyms: Mapping[str, str]) -> Places:
    """Where each name is explained. A synonym stands for the heading or page of another name."""
    places = {page.title: Place(page.name) for page in pages}
    for page in pages:
        for block in page.blocks:
            if isinstance(block, Heading) and block.is_place:
                places[block.text] = Place(page.name, slug(block.text))
    return {**places, **{name: places[other] for name, other in synonyms.items()}}
