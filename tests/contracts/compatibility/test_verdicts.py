"""Each change of a schema, and whom it breaks: publishers of what we read, or our readers."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import jsonschema_rs
import pytest

from tests.contracts.compatibility.verdicts import NO_EXAMPLE, Direction, Verdict, judge_message

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}
FLAG: Final[Schema] = {"type": "boolean"}
NULL: Final[Schema] = {"type": "null"}
MOMENT: Final[Schema] = {"type": "string", "format": "date-time"}
ANYTHING: Final[Schema] = {}

BREAK, ALLOWED, NOTHING = "break", "allowed", "nothing"


def listed(*values: Any) -> Schema:
    return {"type": "string", "enum": [*values]}


def described(*values: Any) -> Schema:
    return {"oneOf": [{"const": value, "description": f"About {value}."} for value in values]}


def open_list(*values: Any) -> Schema:
    return {"anyOf": [listed(*values), TEXT]}


def matching(pattern: str, **more: Any) -> Schema:
    return {"type": "string", "pattern": pattern, **more}


def array(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, **more}


def fields(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties, "required": [*required]}


def optional(schema: Schema) -> Schema:
    return {"anyOf": [schema, NULL]}


def either(*schemas: Schema) -> Schema:
    return {"oneOf": [*schemas]}


STATE: Final = fields("key", key=TEXT, label=TEXT, deleted={"const": False})
DELETION: Final = fields("key", "deleted", key=TEXT, deleted={"const": True})

# The change of the field `data.it`; what it is for publishers of what we read, and for readers of
# what we send.
FIELD_CHANGES: Final[Mapping[str, tuple[Schema, Schema, str, str]]] = {
    "type changed": (TEXT, WHOLE, BREAK, BREAK),
    "type widened": (WHOLE, NUMBER, ALLOWED, BREAK),
    "type narrowed": (NUMBER, WHOLE, BREAK, ALLOWED),
    "type dropped": (TEXT, ANYTHING, ALLOWED, BREAK),
    "type added": (ANYTHING, TEXT, BREAK, ALLOWED),
    "list of types narrowed": ({"type": ["string", "null"]}, TEXT, BREAK, ALLOWED),
    "null added": (TEXT, optional(TEXT), ALLOWED, BREAK),
    "null removed": (optional(TEXT), TEXT, BREAK, ALLOWED),
    "null written otherwise": (optional(TEXT), {"type": ["null", "string"]}, NOTHING, NOTHING),
    "listed value added": (listed("a", "b"), listed("a", "b", "c"), ALLOWED, BREAK),
    "listed value removed": (listed("a", "b"), listed("a"), BREAK, ALLOWED),
    "listed value renamed": (listed("a", "b"), listed("a", "B"), BREAK, BREAK),
    "value of an open list added": (
        open_list("a", "b"),
        open_list("a", "b", "c"),
        ALLOWED,
        ALLOWED,
    ),
    "value of an open list removed": (open_list("a", "b"), open_list("a"), BREAK, BREAK),
    "values of an open list removed, all at once": (open_list("a", "b"), TEXT, BREAK, BREAK),
    "open list added": (TEXT, open_list("a", "b"), ALLOWED, ALLOWED),
    "list opened": (listed("a", "b"), open_list("a", "b"), ALLOWED, BREAK),
    "list closed": (open_list("a", "b"), listed("a", "b"), BREAK, ALLOWED),
    "described value added": (described("a", "b"), described("a", "b", "c"), ALLOWED, BREAK),
    "described value removed": (described("a", "b"), described("a"), BREAK, ALLOWED),
    "values described": (listed("a", "b"), described("b", "a"), NOTHING, NOTHING),
    "list of values dropped": (listed("a", "b"), TEXT, ALLOWED, BREAK),
    "list of values added": (TEXT, listed("a", "b"), BREAK, ALLOWED),
    "list of values replaced by a pattern": (listed("a"), matching("^[a-z]$"), ALLOWED, BREAK),
    "value true for 1": ({"enum": [1, 2]}, {"enum": [True, 2]}, BREAK, BREAK),
    "constant changed": ({"const": "1.0"}, {"const": "2.0"}, BREAK, BREAK),
    "constant gets another value": ({"const": "a"}, listed("a", "b"), ALLOWED, BREAK),
    "pattern narrowed": (matching("^[a-z]{1,9}$"), matching("^[a-z]{2,9}$"), BREAK, ALLOWED),
    "pattern widened": (matching("^[a-z]+$"), matching("^[A-Za-z]+$"), ALLOWED, BREAK),
    "pattern changed": (matching("^[a-z]+$"), matching("^[A-Z]+$"), BREAK, BREAK),
    "pattern added": (TEXT, matching("^[a-z]*$"), BREAK, ALLOWED),
    "pattern removed": (matching("^[a-z]*$"), TEXT, ALLOWED, BREAK),
    "pattern loses its anchors": (matching("^a$"), matching("a"), ALLOWED, BREAK),
    "pattern written otherwise": (matching("^[0-9]+$"), matching(r"^\d\d*$"), NOTHING, NOTHING),
    "pattern escaped otherwise": (
        matching(r"^[^\u0000]+$"),
        matching("^[^\x00]+$"),
        NOTHING,
        NOTHING,
    ),
    "pattern says what a length said": (
        {"type": "string", "minLength": 1, "maxLength": 9},
        matching("^.{1,9}$"),
        BREAK,  # it excludes line breaks
        ALLOWED,
    ),
    "length says what a pattern said": (
        matching("^[a-z]{1,9}$"),
        matching("^[a-z]+$", maxLength=9),
        NOTHING,
        NOTHING,
    ),
    "pattern that is not decided": (matching("^(?=a)"), matching("^(?=b)"), BREAK, BREAK),
    "maxLength lowered": (TEXT | {"maxLength": 9}, TEXT | {"maxLength": 8}, BREAK, ALLOWED),
    "maxLength raised": (TEXT | {"maxLength": 8}, TEXT | {"maxLength": 9}, ALLOWED, BREAK),
    "maxLength added": (TEXT, TEXT | {"maxLength": 9}, BREAK, ALLOWED),
    "maxLength removed": (TEXT | {"maxLength": 9}, TEXT, ALLOWED, BREAK),
    "minLength raised": (TEXT, TEXT | {"minLength": 1}, BREAK, ALLOWED),
    "maximum lowered": (WHOLE | {"maximum": 9}, WHOLE | {"maximum": 8}, BREAK, ALLOWED),
    "maximum raised": (WHOLE | {"maximum": 8}, WHOLE | {"maximum": 9}, ALLOWED, BREAK),
    "maximum removed": (WHOLE | {"maximum": 9}, WHOLE, ALLOWED, BREAK),
    "minimum raised": (WHOLE | {"minimum": 0}, WHOLE | {"minimum": 1}, BREAK, ALLOWED),
    "minimum added": (WHOLE, WHOLE | {"minimum": 0}, BREAK, ALLOWED),
    "exclusive minimum added": (NUMBER, NUMBER | {"exclusiveMinimum": 0}, BREAK, ALLOWED),
    "exclusive minimum for a minimum of whole numbers": (
        WHOLE | {"minimum": 1},
        WHOLE | {"exclusiveMinimum": 0},
        NOTHING,
        NOTHING,
    ),
    "exclusive maximum for a maximum of whole numbers": (
        WHOLE | {"maximum": 9},
        WHOLE | {"exclusiveMaximum": 10},
        NOTHING,
        NOTHING,
    ),
    "exclusive minimum of whole numbers raised": (
        WHOLE | {"minimum": 1},
        WHOLE | {"exclusiveMinimum": 1},
        BREAK,
        ALLOWED,
    ),
    "minimum becomes exclusive": (
        NUMBER | {"minimum": 1},
        NUMBER | {"exclusiveMinimum": 1},
        BREAK,
        ALLOWED,
    ),
    "minimum lowered, and exclusive": (
        NUMBER | {"minimum": 1},
        NUMBER | {"exclusiveMinimum": 0},
        ALLOWED,
        BREAK,
    ),
    "format added": (TEXT, MOMENT, BREAK, ALLOWED),
    "format removed": (MOMENT, TEXT, ALLOWED, BREAK),
    "format changed": (MOMENT, MOMENT | {"format": "date"}, BREAK, BREAK),
    "items changed": (array(TEXT), array(WHOLE), BREAK, BREAK),
    "items get a limit": (array(TEXT), array(TEXT | {"maxLength": 9}), BREAK, ALLOWED),
    "listed value of items removed": (
        array(listed("a", "b")),
        array(listed("a")),
        BREAK,
        ALLOWED,
    ),
    "field of items becomes required": (
        array(fields(a=TEXT)),
        array(fields("a", a=TEXT)),
        BREAK,
        ALLOWED,
    ),
    "field of items dropped": (array(fields(a=TEXT, b=TEXT)), array(fields(a=TEXT)), BREAK, BREAK),
    "maxItems lowered": (array(TEXT, maxItems=9), array(TEXT, maxItems=8), BREAK, ALLOWED),
    "maxItems raised": (array(TEXT, maxItems=8), array(TEXT, maxItems=9), ALLOWED, BREAK),
    "minItems added": (array(TEXT), array(TEXT, minItems=1), BREAK, ALLOWED),
    "items must be unique": (array(TEXT), array(TEXT, uniqueItems=True), BREAK, ALLOWED),
    "optional field added": (fields(a=TEXT), fields(a=TEXT, b=TEXT), ALLOWED, ALLOWED),
    "required field added": (fields(a=TEXT), fields("b", a=TEXT, b=TEXT), BREAK, ALLOWED),
    "optional field dropped": (fields(a=TEXT, b=TEXT), fields(a=TEXT), BREAK, BREAK),
    "required field dropped": (fields("b", a=TEXT, b=TEXT), fields(a=TEXT), BREAK, BREAK),
    "field renamed": (fields(a=TEXT), fields(A=TEXT), BREAK, BREAK),
    "field becomes required": (fields(a=TEXT), fields("a", a=TEXT), BREAK, ALLOWED),
    "field becomes optional": (fields("a", a=TEXT), fields(a=TEXT), ALLOWED, BREAK),
    "field of a nested object changed": (
        fields(a=fields(b=fields(c=FLAG))),
        fields(a=fields(b=fields(c=TEXT))),
        BREAK,
        BREAK,
    ),
    "other fields refused": (
        fields(a=TEXT),
        fields(a=TEXT) | {"additionalProperties": False},
        BREAK,
        ALLOWED,
    ),
    "other fields no longer refused": (
        fields(a=TEXT) | {"additionalProperties": False},
        fields(a=TEXT),
        ALLOWED,
        BREAK,
    ),
    "field added where others were refused": (
        fields(a=TEXT) | {"additionalProperties": False},
        fields(a=TEXT, b=TEXT) | {"additionalProperties": False},
        ALLOWED,
        BREAK,
    ),
    "values of a map changed": (
        {"type": "object", "additionalProperties": TEXT},
        {"type": "object", "additionalProperties": WHOLE},
        BREAK,
        BREAK,
    ),
    "alternative added": (STATE, either(STATE, DELETION), ALLOWED, BREAK),
    "alternative removed": (either(STATE, DELETION), STATE, BREAK, ALLOWED),
    "field of an alternative becomes required": (
        either(STATE, DELETION),
        either(STATE | {"required": ["key", "label"]}, DELETION),
        BREAK,
        ALLOWED,
    ),
    "alternatives that both match": (TEXT, either(TEXT, matching("^a")), BREAK, BREAK),
    "condition added by allOf": (TEXT, {"allOf": [TEXT, {"maxLength": 9}]}, BREAK, ALLOWED),
    "condition moved into allOf": (
        TEXT | {"maxLength": 9},
        {"allOf": [TEXT], "maxLength": 9},
        NOTHING,
        NOTHING,
    ),
    "one of two fields required": (
        fields(a=TEXT, b=TEXT),
        fields(a=TEXT, b=TEXT) | {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
        BREAK,
        ALLOWED,
    ),
    "described otherwise": (
        TEXT | {"title": "It", "description": "Old."},
        TEXT | {"description": "New.", "examples": ["a"], "deprecated": True, "x-note": 1},
        NOTHING,
        NOTHING,
    ),
    "pattern excluded": (TEXT, TEXT | {"not": {"pattern": r"\n"}}, BREAK, ALLOWED),
    "pattern excluded that another one excludes": (
        matching("^[a-z]+$"),
        matching("^[a-z]+$", **{"not": {"pattern": r"\n"}}),
        NOTHING,
        NOTHING,
    ),
    "pattern no longer excluded": (TEXT | {"not": {"pattern": "a"}}, TEXT, ALLOWED, BREAK),
    "schema excluded": (TEXT, {"not": FLAG}, BREAK, BREAK),
    "keyword that is not known": (WHOLE, WHOLE | {"multipleOf": 2}, BREAK, BREAK),
}
DEFINITION_CHANGES: Final[Mapping[str, tuple[Schema, Schema, str, str]]] = {
    "definition narrowed": (
        {"A": listed("a", "b")},
        {"A": listed("a")},
        BREAK,
        ALLOWED,
    ),
    "definition changed": ({"A": TEXT}, {"A": WHOLE}, BREAK, BREAK),
    "other definition changed": ({"A": TEXT, "B": TEXT}, {"A": TEXT, "B": FLAG}, NOTHING, NOTHING),
    "definition of a definition narrowed": (
        {"A": {"$ref": "#/$defs/B"}, "B": TEXT},
        {"A": {"$ref": "#/$defs/B", "maxLength": 9}, "B": TEXT},
        BREAK,
        ALLOWED,
    ),
    "recursive definition changed": (
        {"A": fields(inner={"$ref": "#/$defs/A"}, it=TEXT)},
        {"A": fields(inner={"$ref": "#/$defs/A"}, it=WHOLE)},
        BREAK,
        BREAK,
    ),
    "recursive definition kept": (
        {"A": fields(inner={"$ref": "#/$defs/A"})},
        {"A": fields(inner={"$ref": "#/$defs/A"})},
        NOTHING,
        NOTHING,
    ),
}


def whole(it: Schema, **definitions: Schema) -> Schema:
    """A message with this field; its definitions."""
    return {"$defs": definitions, **fields("data", data=fields("it", it=it))}


def changes() -> Iterator[Any]:
    for name, (old, new, *verdicts) in FIELD_CHANGES.items():
        yield pytest.param(whole(old), whole(new), *verdicts, id=name)
    reference = {"$ref": "#/$defs/A"}
    for name, (old, new, *verdicts) in DEFINITION_CHANGES.items():
        yield pytest.param(whole(reference, **old), whole(reference, **new), *verdicts, id=name)
    renamed = whole({"$ref": "#/$defs/B"}, B=TEXT)
    yield pytest.param(whole(reference, A=TEXT), renamed, NOTHING, NOTHING, id="definition renamed")
    yield pytest.param(whole(reference, A=TEXT), whole(TEXT), NOTHING, NOTHING, id="inlined")


def judged(direction: Direction, old: Schema, new: Schema) -> list[Verdict]:
    return judge_message("telephony.some.message.v1", direction, old, new)


def summary(verdicts: list[Verdict]) -> str:
    if not verdicts:
        return NOTHING
    return BREAK if any(verdict.is_break for verdict in verdicts) else ALLOWED


@pytest.mark.parametrize(("old", "new", "received", "published"), [*changes()])
def test_a_change_breaks_exactly_those_who_rely_on_what_it_takes_away(
    old: Schema, new: Schema, received: str, published: str
) -> None:
    assert summary(judged("received", old, new)) == received
    assert summary(judged("published", old, new)) == published
    assert summary(judged("replied", old, new)) == published


WITHOUT_EXAMPLE: Final = {
    # Messages are still accepted; what they say there is ignored, or not said any more.
    *(
        "optional field dropped",
        "required field dropped",
        "field renamed",
        "field of items dropped",
    ),
    # Nothing is decided.
    *("pattern that is not decided", "alternatives that both match", "keyword that is not known"),
    *("schema excluded", "value of an open list removed"),
    "values of an open list removed, all at once",
}


@pytest.mark.parametrize(("old", "new", "received", "published"), [*changes()])
def test_a_break_is_shown_by_a_message_that_only_one_of_both_schemas_accepts(
    request: pytest.FixtureRequest, old: Schema, new: Schema, received: str, published: str
) -> None:
    breaks = [verdict for verdict in judged("received", old, new) if verdict.is_break]
    shown = [verdict.example for verdict in breaks if verdict.example is not NO_EXAMPLE]

    is_expected = received == BREAK and request.node.callspec.id not in WITHOUT_EXAMPLE
    assert bool(shown) == is_expected
    for example in shown:
        assert accepts(old, example)
        assert not accepts(new, example)
    assert published  # the table has it too


def accepts(schema: Schema, message: Any) -> bool:
    return jsonschema_rs.is_valid(schema, message, validate_formats=True)


def test_a_break_names_message_field_and_remedy_in_one_sentence() -> None:
    old, new = whole(fields(a=TEXT)), whole(fields("a", a=TEXT))

    (broken,) = judged("received", old, new)

    assert broken.text() == (
        "telephony.some.message.v1: data.it.a is required now, which breaks its publishers;"
        " undo this, or define telephony.some.message.v2 beside it\n"
        """    for example {"data": {"it": {}}}"""
    )


def test_an_allowed_change_reads_as_a_line_of_the_changelog() -> None:
    old, new = whole(array(fields(a=TEXT))), whole(array(fields(a=optional(TEXT), b=TEXT)))

    assert [change.text() for change in judged("received", old, new)] == [
        "telephony.some.message.v1: data.it[].a can be null now (before: string)",
        "telephony.some.message.v1: data.it[].b is new",
    ]
