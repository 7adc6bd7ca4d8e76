"""Builds HTML in which every text of others is escaped."""

from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from typing import Final

from worker.core.messages.explanations import clock_time
from worker.runtime.printable import printable

__all__ = ["Html", "join", "moment", "number_link", "table", "tag"]

VOID: Final = frozenset({"input", "link", "meta"})


class Html(str):
    """Text that is HTML already; any other text is escaped."""

    __slots__ = ()


Content = str | int | None


def tag(element: str, /, *content: Content, **attributes: str | bool) -> Html:
    """An element; `class_` and `for_` are the attributes of these names, `_` stands for `-`.

    Escapes all content that is not `Html`, and all attributes.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}"
        + ("" if value is True else f'="{_escaped(str(value))}"')
        for key, value in attributes.items()
        if value is not False
    )
    if element in VOID:
        return Html(f"<{element}{given}>")
    return Html(f"<{element}{given}>{join(content)}</{element}>")


def join(content: Iterable[Content]) -> Html:
    """The parts, one behind the other; None is nothing."""
    return Html("".join(_html(part) for part in content if part is not None))


def _html(part: str | int) -> str:
    return part if isinstance(part, Html) else _escaped(str(part))


def _escaped(text: str) -> str:
    return escape(printable(text), quote=True)


def moment(at: datetime | None) -> Html:
    """A time in UTC, as machines read it too."""
    if at is None:
        return Html("never")
    return tag("time", clock_time(at), datetime=at.astimezone(UTC).isoformat())


def number_link(phone_number: str) -> Html:
    """A link to the page of a number."""
    return tag("a", phone_number, href=f"/numbers/{phone_number}", class_="number")


def table(names: Iterable[str], rows: Iterable[Iterable[Content]]) -> Html:
    """A table that becomes a list of cards on a narrow screen."""
    names = list(names)
    head = tag("tr", *(tag("th", name, scope="col") for name in names))
    body = [
        tag("tr", *(tag("td", cell, data_name=name) for name, cell in zip(names, row, strict=True)))
        for row in rows
    ]
    return tag("table", tag("thead", head), tag("tbody", *body))
