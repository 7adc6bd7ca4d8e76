"""The normal form of a JSON Schema: what it demands of the values of each JSON type.

Knows the keywords that the contracts use. Any other raises `Incomparable`: a keyword that the
comparison ignores could hide a break.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, product
from typing import Any, Final

import jsonschema_rs

from tests.contracts.compatibility.patterns import Pattern

__all__ = ["LOWER_LIMITS", "UPPER_LIMITS", "Document", "Form", "Incomparable", "Json", "Schema"]

Json = Any
Schema = Mapping[str, Any] | bool
Part = Mapping[str, Any]
"""A schema of which only the assertions beside `$ref`, `allOf`, `anyOf` and `oneOf` count."""

TYPES: Final = ("null", "boolean", "number", "string", "array", "object")
LOWER_LIMITS: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_LIMITS: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
ALL_VALUES: Final[Mapping[str, tuple[Json, ...]]] = {"null": (None,), "boolean": (False, True)}
ANNOTATIONS: Final = frozenset(
    {
        *("$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples"),
        *("deprecated", "readOnly", "writeOnly"),
    }
)
ASSERTIONS: Final = frozenset(
    {
        *("$ref", "allOf", "anyOf", "oneOf", "not", "type", "enum", "const", "format", "pattern"),
        *("items", "uniqueItems", "properties", "required", "additionalProperties"),
        *LOWER_LIMITS,
        *UPPER_LIMITS,
    }
)


class Incomparable(Exception):
    """The comparison does not know what this schema means; the text names the reason."""


@dataclass(frozen=True)
class Form:
    """What an alternative of a schema demands of values of one JSON type."""

    type: str
    is_integral: bool
    values: tuple[Json, ...] | None
    """All values that are allowed; None: not listed."""
    limits: Mapping[str, float]
    patterns: frozenset[Pattern]
    formats: frozenset[str]
    is_unique: bool
    items: tuple[Schema, ...]
    """Each item matches all of them; the same for `additional` and each of the properties."""
    properties: Mapping[str, tuple[Schema, ...]]
    required: frozenset[str]
    additional: tuple[Schema, ...]
    """For the properties that are not declared."""


@dataclass(frozen=True)
class Document:
    """A schema with the definitions that its references name."""

    root: Mapping[str, Any]

    def forms(self, *schemas: Schema) -> tuple[Form, ...]:
        """The alternatives of a value that matches all of these schemas."""
        alternatives = product(*(self._alternatives(schema) for schema in schemas))
        return _merged(form for parts in alternatives for form in _forms(sum(parts, ())))

    def accepts(self, value: Json, *schemas: Schema) -> bool:
        """Whether the value matches all of these schemas."""
        whole = {"$defs": self.definitions, "allOf": [True, *schemas]}
        return jsonschema_rs.validator_for(whole, validate_formats=True).is_valid(value)

    @cached_property
    def definitions(self) -> Mapping[str, Any]:
        """The parts that references name."""
        definitions: Mapping[str, Any] = self.root.get("$defs", {})
        return definitions

    def _alternatives(self, schema: Schema) -> Sequence[tuple[Part, ...]]:
        if isinstance(schema, bool):
            return [()] if schema else []
        unknown = {name for name in schema if not name.startswith("x-")} - ANNOTATIONS - ASSERTIONS
        if unknown:
            raise Incomparable(f"the keyword {', '.join(sorted(unknown))} is not known")
        if "not" in schema and [*schema["not"]] != ["pattern"]:
            raise Incomparable("`not` is known with a pattern only")
        groups: list[Sequence[tuple[Part, ...]]] = [[(schema,)]]
        if "$ref" in schema:
            groups.append(self._alternatives(self._target(schema["$ref"])))
        groups += [self._alternatives(inner) for inner in schema.get("allOf", ())]
        if "anyOf" in schema:
            groups.append([it for inner in schema["anyOf"] for it in self._alternatives(inner)])
        if "oneOf" in schema:
            self._require_disjoint(schema["oneOf"])
            groups.append([it for inner in schema["oneOf"] for it in self._alternatives(inner)])
        return [sum(chosen, ()) for chosen in product(*groups)]

    def _target(self, reference: str) -> Schema:
        """The definition in this document that a reference names."""
        node: Any = self.root
        place, _, pointer = reference.partition("#")
        if place not in {"", self.root.get("$id")}:
            raise Incomparable(f"the reference {reference} leads out of the document")
        for name in pointer.split("/")[1:]:
            node = node[name.replace("~1", "/").replace("~0", "~")]
        target: Schema = node
        return target

    def _require_disjoint(self, alternatives: Sequence[Schema]) -> None:
        # A value that matches two of them is refused: then more alternatives would allow less.
        for one, other in combinations(alternatives, 2):
            for pair in product(self.forms(one), self.forms(other)):
                if not self._are_disjoint(*pair):
                    raise Incomparable("two alternatives of oneOf may both match; write anyOf")

    def _are_disjoint(self, one: Form, other: Form) -> bool:
        """Whether no value has both forms, as far as types, listed values and fields show it."""
        if one.type != other.type:
            return True
        if one.values is not None and other.values is not None:
            return {*map(_key, one.values)}.isdisjoint(map(_key, other.values))
        return any(
            all(
                self._are_disjoint(*pair)
                for pair in product(
                    self.forms(*one.properties[name]), self.forms(*other.properties[name])
                )
            )
            for name in one.properties.keys() & other.properties.keys()
            if name in one.required | other.required
        )


def _key(value: Json) -> str:
    """Identifies a JSON value; Python takes 1, 1.0 and True for the same."""
    return json.dumps(value, sort_keys=True)


def _forms(parts: Sequence[Part]) -> Iterator[Form]:
    """The forms of values that match all parts, at most one for each type."""
    for name in TYPES:
        values = _listed(parts, name)
        if all(name in _types(part) for part in parts) and values != ():
            yield _form(name, parts, values)


def _form(name: str, parts: Sequence[Part], values: tuple[Json, ...] | None) -> Form:
    is_integral = any(
        "integer" in (types := _declared(part)) and "number" not in types for part in parts
    )
    limits = dict(_limits(parts))
    return Form(
        type=name,
        is_integral=is_integral,
        values=values,
        limits=_of_integers(limits) if is_integral else limits,
        patterns=frozenset(_patterns(parts)),
        formats=frozenset(part["format"] for part in parts if "format" in part),
        is_unique=any(part.get("uniqueItems") for part in parts),
        items=tuple(part["items"] for part in parts if "items" in part),
        properties=_properties(parts),
        required=frozenset(field for part in parts for field in part.get("required", ())),
        additional=tuple(
            part["additionalProperties"] for part in parts if "additionalProperties" in part
        ),
    )


def _properties(parts: Sequence[Part]) -> Mapping[str, tuple[Schema, ...]]:
    names = dict.fromkeys(name for part in parts for name in part.get("properties", ()))
    return {
        name: tuple(
            part.get("properties", {}).get(name, part.get("additionalProperties", True))
            for part in parts
        )
        for name in names
    }


def _limits(parts: Sequence[Part]) -> Iterator[tuple[str, float]]:
    """The tightest limit of each kind."""
    for name in (*LOWER_LIMITS, *UPPER_LIMITS):
        given = [part[name] for part in parts if name in part]
        if given:
            yield name, max(given) if name in LOWER_LIMITS else min(given)


def _of_integers(limits: Mapping[str, float]) -> Mapping[str, float]:
    """The same limits of a whole number, none of them exclusive and all of them whole."""
    found = dict(limits)
    above, below = found.pop("exclusiveMinimum", None), found.pop("exclusiveMaximum", None)
    lowest = [math.ceil(found["minimum"])] if "minimum" in found else []
    highest = [math.floor(found["maximum"])] if "maximum" in found else []
    lowest += [] if above is None else [math.floor(above) + 1]
    highest += [] if below is None else [math.ceil(below) - 1]
    if lowest:
        found["minimum"] = max(lowest)
    if highest:
        found["maximum"] = min(highest)
    return found


def _patterns(parts: Sequence[Part]) -> Iterator[Pattern]:
    for part in parts:
        if "pattern" in part:
            yield Pattern(part["pattern"])
        if "not" in part:
            yield Pattern(part["not"]["pattern"], is_excluded=True)


def _declared(part: Part) -> Sequence[str]:
    declared = part.get("type", ())
    return [declared] if isinstance(declared, str) else declared


def _types(part: Part) -> Iterable[str]:
    declared = _declared(part)
    return ["number" if name == "integer" else name for name in declared] or TYPES


def _listed(parts: Sequence[Part], name: str) -> tuple[Json, ...] | None:
    """The values of this type that every list of values has; None if there are too many to list."""
    listed: dict[str, Json] | None = None
    for part in parts:
        if "enum" not in part and "const" not in part:
            continue
        given = {_key(value): value for value in part.get("enum", [part.get("const")])}
        listed = given if listed is None else {key: listed[key] for key in listed if key in given}
    if listed is None:
        return ALL_VALUES.get(name)
    return tuple(value for value in listed.values() if _type_of(value) == name)


def _type_of(value: Json) -> str:
    names = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
    return "null" if value is None else names.get(type(value), "object")


def _merged(forms: Iterable[Form]) -> tuple[Form, ...]:
    """The forms; those that differ in their lists of values alone become one."""
    merged: dict[str, Form] = {}
    for place, form in enumerate(forms):
        # A form without a list allows more than one with a list, and stays apart.
        key = repr(replace(form, values=())) if form.values is not None else str(place)
        before = merged.get(key)
        if before is not None:
            listed = (*(before.values or ()), *(form.values or ()))
            values = tuple({_key(value): value for value in listed}.values())
            merged[key] = replace(form, values=values)
        else:
            merged[key] = form
    return tuple(merged.values())
