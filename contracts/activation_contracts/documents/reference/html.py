"""The pages as one HTML page that needs nothing else: no file, no script, no network."""

import re
from collections.abc import Iterator
from functools import singledispatch
from html import escape
from pathlib import Path
from typing import Final

from activation_contracts.documents.reference.blocks import (
    INDEX,
    Block,
    Bullets,
    Code,
    Diagram,
    Files,
    Guides,
    Heading,
    Page,
    Paragraph,
    Table,
    slug,
)
from activation_contracts.documents.reference.book import pages, places
from activation_contracts.documents.reference.diagram import svg
from activation_contracts.documents.reference.groups import GROUPS, meaning_of
from activation_contracts.documents.reference.inline import Place, Span, spans

__all__ = ["html_document"]

CONTENTS: Final = "contents"
OVERVIEW: Final = "overview"
SHORT: Final = 24
"""The characters of a name that fit into any line."""
_STYLE: Final = Path(__file__).with_name("style.css")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
"""The browser loads nothing, even if a mistake asked it to."""
_PREFIX, _SUFFIX = "telephony.", ".v1"


def html_document() -> str:
    """The whole page."""
    index, *others = pages()
    messages = [page for page in others if page.group]
    explanations = [page for page in others if not page.group]
    return "\n".join(
        (
            *_head(index.title),
            *_contents(messages, explanations),
            '<main id="content">',
            f"<h1>{_escaped(index.title)}</h1>",
            *_section(index, OVERVIEW, "Overview"),
            *_groups(messages),
            *(part for page in explanations for part in _section(page, page.name, page.title)),
            "</main>",
            "</body>",
            "</html>",
            "",
        )
    )


def _head(title: str) -> Iterator[str]:
    yield "<!doctype html>"
    yield '<html lang="en">'
    yield "<head>"
    yield '<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<meta name="color-scheme" content="light dark">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
    yield f"<title>{_escaped(title)}</title>"
    yield f"<style>\n{_STYLE.read_text(encoding='utf-8')}</style>"
    yield "</head>"
    yield "<body>"
    yield '<a class="skip" href="#content">To the text</a>'


def _contents(messages: list[Page], explanations: list[Page]) -> Iterator[str]:
    yield f'<nav id="{CONTENTS}" aria-label="Contents">'
    yield f'<p class="section"><a href="#{OVERVIEW}">Overview</a></p>'
    for group in GROUPS.values():
        yield _entry(slug(group), group)
        yield _entries((it.name, _short(it.title)) for it in messages if it.group == group)
    for page in explanations:
        yield _entry(page.name, page.title)
        yield _entries((slug(it), it) for it in _places_in_contents(page))
    yield "</nav>"


def _short(message: str) -> str:
    return message.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def _places_in_contents(page: Page) -> Iterator[str]:
    for block in page.blocks:
        if isinstance(block, Heading) and block.is_place and block.level == TOP:
            yield block.text


def _entry(anchor: str, words: str) -> str:
    return f'<p class="section"><a href="#{anchor}">{_escaped(words)}</a></p>'


def _entries(items: Iterator[tuple[str, str]]) -> str:
    links = (f'<li><a href="#{anchor}">{_escaped(words)}</a></li>' for anchor, words in items)
    return f"<ul>{''.join(links)}</ul>"


def _groups(messages: list[Page]) -> Iterator[str]:
    for group in GROUPS.values():
        yield f'<section id="{slug(group)}">'
        yield f"<h2>{_escaped(group)}</h2>"
        yield f"<p>{_escaped(meaning_of(group))}</p>"
        for page in messages:
            if page.group == group:
                yield f'<article id="{page.name}">'
                yield f"<h3><code>{_breakable(_escaped(page.title))}</code>{_up()}</h3>"
                yield from (_block(block, 4) for block in page.blocks)
                yield "</article>"
        yield "</section>"


def _section(page: Page, anchor: str, title: str) -> Iterator[str]:
    yield f'<section id="{anchor}">'
    yield f"<h2>{_escaped(title)}{_up()}</h2>"
    yield from (_block(block, 3) for block in page.blocks)
    yield "</section>"


def _up() -> str:
    return f' <a class="up" href="#{CONTENTS}" aria-label="To the contents">&#8593;</a>'


TOP: Final = 2
"""The level of the first headings of a page."""


@singledispatch
def _block(block: Block, level: int) -> str:
    """`level` is that of the first headings below the title."""
    raise TypeError(f"no HTML is defined for {type(block).__name__} at level {level}")


@_block.register
def _heading(block: Heading, level: int) -> str:
    name = f"h{level + block.level - TOP}"
    anchor = f' id="{slug(block.text)}"' if block.is_place else ""
    return f"<{name}{anchor}>{_escaped(block.text)}</{name}>"


@_block.register
def _paragraph(block: Paragraph, _: int) -> str:
    lead = f"<strong>{_escaped(block.lead)}.</strong> " if block.lead else ""
    return f"<p>{lead}{_text(block.text)}</p>"


@_block.register
def _bullets(block: Bullets, _: int) -> str:
    return f"<ul>{''.join(f'<li>{_text(item)}</li>' for item in block.items)}</ul>"


@_block.register
def _table(block: Table, _: int) -> str:
    head = "".join(f'<th scope="col">{_escaped(it)}</th>' for it in block.heading)
    rows = "".join(f"<tr>{_cells(block.heading, row)}</tr>\n" for row in block.rows)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody></table>"


def _cells(heading: tuple[str, ...], row: tuple[str, ...]) -> str:
    # On a phone each row is shown as a card, and each cell with its heading.
    return "".join(
        f'<td data-heading="{_escaped(name)}">{_text(cell)}</td>'
        for name, cell in zip(heading, row, strict=True)
    )


@_block.register
def _code(block: Code, _: int) -> str:
    return f'<pre tabindex="0"><code>{_escaped(block.text)}</code></pre>'


@_block.register
def _diagram(_: Diagram, __: int) -> str:
    caption = "Solid: by the worker. Dashed: by the platform."
    return f"<figure>{svg()}<figcaption>{caption}</figcaption></figure>"


@_block.register
def _files(block: Files, _: int) -> str:
    items = "".join(
        f'<li><a href="{path}">{_escaped(path)}</a>: {_text(text)}</li>'
        for path, text in block.items
    )
    return f"<ul>{items}</ul>"


@_block.register
def _guides(_: Guides, __: int) -> str:
    return ""


def _text(text: str) -> str:
    return "".join(_span(it) for it in spans(text, places()))


def _span(span: Span) -> str:
    words = _escaped(span.text)
    if span.is_code and not span.is_title:
        words = f"<code>{_breakable(words)}</code>"
    return f'<a href="#{_anchor(span.place)}">{words}</a>' if span.place else words


def _breakable(name: str) -> str:
    """A long name, with places at which a narrow line may break it."""
    if len(name) <= SHORT:
        return name
    return re.sub(r"(?<=[a-z])([._])", r"\1<wbr>", name)


def _anchor(place: Place) -> str:
    return place.anchor or (OVERVIEW if place.page == INDEX else place.page)


def _escaped(text: str) -> str:
    return escape(text, quote=True)
