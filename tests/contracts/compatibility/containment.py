"""In what one schema allows more than another: the whole comparison rests on this relation.

A message that we receive may not be narrowed: what publishers may send today (inner) must be what
we read tomorrow (outer). A message that we send may not be widened: what we may send tomorrow
(inner) must be what readers expect today (outer). Undeclared fields count as not sent, though the
schemas allow them: else no field could ever be added.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum, unique
from functools import partial
from typing import Final

from tests.contracts.compatibility.forms import (
    LOWER_LIMITS,
    UPPER_LIMITS,
    Document,
    Form,
    Json,
    Schema,
)
from tests.contracts.compatibility.instances import (
    instance,
    instance_of,
    text_of_length,
)
from tests.contracts.compatibility.patterns import are_of_length, is_contained

__all__ = ["Difference", "Kind", "differences"]

NONE: Final = "none"
COUNTERPARTS: Final = {
    "minimum": "exclusiveMinimum",
    "exclusiveMinimum": "minimum",
    "maximum": "exclusiveMaximum",
    "exclusiveMaximum": "maximum",
}


@unique
class Kind(StrEnum):
    """In what respect the inner schema allows more."""

    TYPE = "type"
    VALUE = "value"
    """A listed value."""
    CONSTANT = "constant"
    """Another value where only one was allowed."""
    ANY_VALUE = "any value"
    """Any value where the outer schema lists those that it allows."""
    LIMIT = "limit"
    PATTERN = "pattern"
    FORMAT = "format"
    REPEATS = "repeats"
    """An array may hold an item twice."""
    MISSING = "missing"
    """A required field may be left out."""
    UNDECLARED = "undeclared"
    """A field that the outer schema does not declare, and ignores."""
    LISTED = "listed"
    """A value that the outer schema allows and does not list: its list is open."""
    FORBIDDEN = "forbidden"
    """A field that the outer schema refuses because it does not declare it."""


Examples = Callable[[], Sequence[Json]]
"""Values that only the inner schema allows: candidates, to be verified. May raise `NoInstance`."""


def _none() -> Sequence[Json]:
    return ()


@dataclass(frozen=True)
class Difference:
    """One thing that the inner schema allows and the outer one does not.

    Or, of the kinds `UNDECLARED` and `LISTED`, what the outer one allows without naming it.
    """

    kind: Kind
    inner: str
    outer: str
    path: tuple[str, ...] = ()
    """The fields down to the place; `[]` is any item, `*` any undeclared field."""
    examples: Examples = field(default=_none, compare=False)

    def inside(self, name: str, wrap: Callable[[Json], Json]) -> "Difference":
        """The same, seen from the value around it."""
        examples = self.examples
        return replace(
            self, path=(name, *self.path), examples=lambda: [wrap(it) for it in examples()]
        )


def differences(inner: Document, outer: Document) -> list[Difference]:
    """All differences between two documents, in the order of the inner one."""
    return list(dict.fromkeys(_Comparison(inner, outer).of((inner.root,), (outer.root,))))


class _Comparison:
    """Compares parts of two documents."""

    def __init__(self, inner: Document, outer: Document) -> None:
        self._inner = inner
        self._outer = outer
        self._found: dict[tuple[str, str], list[Difference]] = {}
        self._have_same_definitions = _text(inner.definitions) == _text(outer.definitions)

    def of(self, inner: Sequence[Schema], outer: Sequence[Schema]) -> list[Difference]:
        """What values that match all inner schemas may be, and those of the outer ones not."""
        pair = _text(inner), _text(outer)
        if self._have_same_definitions and pair[0] == pair[1]:
            return []
        if pair not in self._found:
            self._found[pair] = []  # what a recursive definition finds when it meets itself
            self._found[pair] = list(self._compare(inner, outer))
        return self._found[pair]

    def _compare(self, inner: Sequence[Schema], outer: Sequence[Schema]) -> Iterator[Difference]:
        candidates = self._outer.forms(*outer)
        forms = self._inner.forms(*inner)
        open_types = {it.type for it in forms if it.values is None}
        for form in forms:
            same_type = [it for it in candidates if it.type == form.type]
            if form.values is not None and same_type:
                is_open = form.type in open_types
                yield from self._of_values(form, same_type, outer, is_open=is_open)
            else:
                yield from self._of_form(form, same_type, outer)

    def _of_form(
        self, form: Form, candidates: Sequence[Form], outer: Sequence[Schema]
    ) -> list[Difference]:
        """The differences to the most similar candidate; a value of the form needs only one."""
        if not candidates:
            kinds = " or ".join(dict.fromkeys(it.type for it in self._outer.forms(*outer)))
            return [Difference(Kind.TYPE, form.type, kinds, examples=self._some(form))]
        return min((list(self._between(form, it)) for it in candidates), key=len)

    def _of_values(
        self,
        form: Form,
        candidates: Sequence[Form],
        outer: Sequence[Schema],
        *,
        is_open: bool,
    ) -> list[Difference]:
        """The listed values that the outer schema refuses, or allows without listing them.

        A closed list that the outer schema replaces by any value is not lost: it was a limit. The
        values of an open list limit nothing. They are known, and would be so no more.
        """
        allowed = [value for it in candidates for value in it.values or ()]
        listed = {*map(_text, allowed)}
        kind = Kind.CONSTANT if len(allowed) == 1 else Kind.VALUE
        found = []
        for value in form.values or ():
            if _text(value) in listed and not any(_is_limited(it) for it in candidates):
                continue  # the usual case, without the cost of a validator
            if not self._outer.accepts(value, *outer):
                found.append(
                    Difference(kind, _text(value), _listed(allowed), examples=_just(value))
                )
            elif (listed or is_open) and _text(value) not in listed:
                found.append(Difference(Kind.LISTED, _text(value), _listed(allowed)))
        return found

    def _between(self, inner: Form, outer: Form) -> Iterator[Difference]:
        if outer.values is not None:
            examples = self._some(inner, "another", 17)
            yield Difference(Kind.ANY_VALUE, "any", _listed(outer.values), examples=examples)
        if outer.is_integral and not inner.is_integral:
            yield Difference(Kind.TYPE, "number", "integer", examples=_just(0.5))
        yield from self._limits(inner, outer)
        yield from _patterns(inner, outer)
        for name in sorted(outer.formats - inner.formats):
            examples = self._some(inner, "x")
            yield Difference(Kind.FORMAT, _listed(inner.formats), name, examples=examples)
        if outer.is_unique and not inner.is_unique:
            examples = partial(self._at, inner, 2)
            yield Difference(Kind.REPEATS, "repeated", "unique", examples=examples)
        if inner.type == "array":
            yield from self._items(inner, outer)
        if inner.type == "object":
            yield from self._fields(inner, outer)

    def _limits(self, inner: Form, outer: Form) -> Iterator[Difference]:
        for name, step in (*((it, -1) for it in LOWER_LIMITS), *((it, 1) for it in UPPER_LIMITS)):
            limit = outer.limits.get(name)
            if limit is None or _is_within(inner, name, limit, step):
                continue
            own = inner.limits.get(name)
            if name.endswith("Length") and _says_so(inner, name, limit):
                continue
            examples = partial(self._at, inner, limit if "exclusive" in name else limit + step)
            before = f"{name} {NONE if own is None else own}"
            yield Difference(Kind.LIMIT, before, f"{name} {limit}", examples=examples)

    def _at(self, form: Form, size: float) -> Sequence[Json]:
        """Values of this form that are so large, or so long."""
        match form.type:
            case "string":
                return [text_of_length(form, int(size))]
            case "array":
                return [[instance(self._inner, *form.items)] * int(size)]
            case "number":
                return [size]
            case _:
                return []

    def _items(self, inner: Form, outer: Form) -> Iterator[Difference]:
        if inner.limits.get("maxItems") == 0 or not outer.items:
            return
        count = max(1, int(inner.limits.get("minItems", 1)))
        for found in self.of(inner.items, outer.items):
            yield found.inside("[]", lambda value: [value] * count)

    def _fields(self, inner: Form, outer: Form) -> Iterator[Difference]:
        for name in sorted(outer.required - inner.required):
            examples = self._some(inner)
            yield Difference(Kind.MISSING, "optional", "required", (name,), examples)
        for name, schemas in inner.properties.items():
            if name in outer.properties or outer.additional:
                target = outer.properties.get(name, outer.additional)
                if _is_refused(target):
                    found = [Difference(Kind.FORBIDDEN, name, NONE, examples=self._any(schemas))]
                else:
                    found = self.of(schemas, target)
            else:
                found = [Difference(Kind.UNDECLARED, name, NONE)]
            for difference in found:
                yield difference.inside(name, self._around(inner, name))
        yield from self._undeclared(inner, outer)

    def _undeclared(self, inner: Form, outer: Form) -> Iterator[Difference]:
        """The fields that neither declares, and those that only the outer one does are not sent."""
        if _is_refused(inner.additional):
            return
        if _is_refused(outer.additional):
            found = [Difference(Kind.FORBIDDEN, "any", NONE, examples=_just(None))]
        else:
            found = self.of(inner.additional, outer.additional)
        for difference in found:
            yield difference.inside("*", self._around(inner, "undeclared"))

    def _around(self, form: Form, name: str) -> Callable[[Json], Json]:
        return lambda value: {**instance_of(self._inner, form), name: value}

    def _some(self, form: Form, *others: Json) -> Examples:
        return lambda: [instance_of(self._inner, form), *others]

    def _any(self, schemas: Sequence[Schema]) -> Examples:
        return lambda: [instance(self._inner, *schemas)]


def _text(schemas: object) -> str:
    return json.dumps(schemas, sort_keys=True)


def _is_limited(form: Form) -> bool:
    """Whether not every listed value has this form."""
    return bool(form.limits or form.patterns or form.formats)


def _is_refused(schemas: Sequence[Schema]) -> bool:
    return any(schema is False for schema in schemas)


def _just(value: Json) -> Examples:
    return lambda: [value]


def _patterns(inner: Form, outer: Form) -> Iterator[Difference]:
    """Patterns that texts of the inner form need not match."""
    longest = inner.limits.get("maxLength")
    for pattern in sorted(outer.patterns - inner.patterns):
        contained, example = is_contained(
            inner.patterns,
            pattern,
            shortest=int(inner.limits.get("minLength", 0)),
            longest=None if longest is None else int(longest),
        )
        if not contained:
            examples = _none if example is None else _just(example)
            before = _listed(map(str, inner.patterns))
            yield Difference(Kind.PATTERN, before, str(pattern), examples=examples)


def _is_within(inner: Form, name: str, limit: float, step: int) -> bool:
    """Whether a limit of the inner form, exclusive or not, is as tight as this one."""
    own = inner.limits.get(name)
    if own is not None and (limit - own) * step >= 0:
        return True
    other = inner.limits.get(COUNTERPARTS.get(name, ""))
    if other is None:
        return False
    room = (limit - other) * step
    return room > 0 if "exclusive" in name else room >= 0


def _says_so(inner: Form, name: str, limit: float) -> bool:
    """Whether the patterns of the inner form keep this limit of the length."""
    shortest, longest = (int(limit), None) if name == "minLength" else (0, int(limit))
    return bool(inner.patterns) and are_of_length(inner.patterns, shortest, longest)


def _listed(values: Iterable[Json]) -> str:
    words = [value if isinstance(value, str) else json.dumps(value) for value in values]
    return ", ".join(sorted(words)) or NONE
