"""The diagram of the changes of the status: as Mermaid, and as a picture (SVG)."""

from collections.abc import Iterator, Mapping
from html import escape
from textwrap import wrap
from typing import Final, Literal, NamedTuple

from activation_contracts.statuses import STATUS_CHANGES, StatusChange
from activation_contracts.values import NumberStatus

__all__ = ["mermaid", "svg"]


def mermaid() -> str:
    """The diagram in the language of Mermaid, which GitHub draws."""
    return "\n".join(("stateDiagram-v2", *(_transition(change) for change in STATUS_CHANGES)))


def _transition(change: StatusChange) -> str:
    by = " (platform)" if change.by == "platform" else ""
    return f"    {change.before or '[*]'} --> {change.after}: {change.name}{by}"


class _Arrow(NamedTuple):
    """Where an arrow is drawn, and where its words stand."""

    start: tuple[int, int]
    end: tuple[int, int]
    words: tuple[int, int]
    anchor: Literal["start", "middle", "end"]
    width: int = 22
    """The most characters of a line of its words."""


_AVAILABLE, _RESERVED = NumberStatus.AVAILABLE, NumberStatus.RESERVED
_PENDING, _ACTIVE, _COOLDOWN = NumberStatus.PENDING, NumberStatus.ACTIVE, NumberStatus.COOLDOWN

# Small enough to be read on a phone without zooming. A change without a place here is an error.
_WIDTH, _HEIGHT = 360, 470
_BOX_WIDTH, _BOX_HEIGHT = 104, 36
_LINE_HEIGHT: Final = 14
_BOXES: Final[Mapping[NumberStatus, tuple[int, int]]] = {
    _AVAILABLE: (75, 60),
    _COOLDOWN: (285, 60),
    _RESERVED: (180, 200),
    _PENDING: (180, 325),
    _ACTIVE: (180, 445),
}
_ARROWS: Final[Mapping[tuple[NumberStatus | None, NumberStatus], _Arrow]] = {
    (None, _AVAILABLE): _Arrow((75, 10), (75, 42), (83, 26), "start"),
    (None, _COOLDOWN): _Arrow((285, 10), (285, 42), (293, 26), "start"),
    (None, _RESERVED): _Arrow((322, 200), (232, 200), (280, 214), "middle"),
    (None, _ACTIVE): _Arrow((322, 445), (232, 445), (280, 459), "middle"),
    (_AVAILABLE, _COOLDOWN): _Arrow((127, 52), (233, 52), (180, 45), "middle"),
    (_COOLDOWN, _AVAILABLE): _Arrow((233, 70), (127, 70), (180, 85), "middle"),
    (_AVAILABLE, _RESERVED): _Arrow((68, 78), (148, 182), (98, 140), "end"),
    (_RESERVED, _AVAILABLE): _Arrow((172, 182), (92, 78), (136, 122), "start"),
    (_RESERVED, _COOLDOWN): _Arrow((206, 182), (286, 78), (258, 140), "start", 14),
    (_RESERVED, _PENDING): _Arrow((166, 218), (166, 307), (158, 266), "end"),
    (_PENDING, _RESERVED): _Arrow((194, 307), (194, 218), (202, 259), "start"),
    (_PENDING, _ACTIVE): _Arrow((166, 343), (166, 427), (158, 382), "end"),
    (_ACTIVE, _PENDING): _Arrow((194, 427), (194, 343), (202, 382), "start"),
}

_LABEL: Final = "The statuses of a number, and the changes from one to another"
_TIP: Final = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
    ' orient="auto"><path d="M0 0L8 4L0 8z"/></marker></defs>'
)


def svg() -> str:
    """The diagram as a picture, in the colours of the page around it."""
    return "\n".join(
        (
            f'<svg class="diagram" viewBox="0 0 {_WIDTH} {_HEIGHT}" aria-label="{_LABEL}">',
            _TIP,
            *_arrows(),
            *(_box(status, x, y) for status, (x, y) in _BOXES.items()),
            "</svg>",
        )
    )


def _arrows() -> Iterator[str]:
    names: dict[tuple[NumberStatus | None, NumberStatus], list[str]] = {}
    for change in STATUS_CHANGES:
        names.setdefault((change.before, change.after), []).append(change.name)
    by = {(change.before, change.after): change.by for change in STATUS_CHANGES}
    for ends, words in names.items():
        arrow = _ARROWS[ends]
        (x1, y1), (x2, y2) = arrow.start, arrow.end
        yield f'<path class="{by[ends]}" d="M{x1} {y1}L{x2} {y2}" marker-end="url(#tip)"/>'
        if ends[0] is None:
            yield f'<circle cx="{x1}" cy="{y1}" r="4"/>'
        yield _words(arrow, words)


def _words(arrow: _Arrow, names: list[str]) -> str:
    x, y = arrow.words
    lines = [line for name in names for line in wrap(name, arrow.width)]
    spans = "".join(
        f'<tspan x="{x}" y="{y + number * _LINE_HEIGHT}">{escape(line)}</tspan>'
        for number, line in enumerate(lines)
    )
    return f'<text text-anchor="{arrow.anchor}">{spans}</text>'


def _box(status: NumberStatus, x: int, y: int) -> str:
    left, top = x - _BOX_WIDTH // 2, y - _BOX_HEIGHT // 2
    return (
        f'<a href="#{status.lower()}"><rect x="{left}" y="{top}" width="{_BOX_WIDTH}"'
        f' height="{_BOX_HEIGHT}" rx="8"/><text class="status" x="{x}" y="{y + 5}"'
        f' text-anchor="middle">{status}</text></a>'
    )
