"""What the reader refuses though the schema accepts it: the page on compatibility lists it."""

import json
from collections.abc import Iterator
from typing import Any, Final

import jsonschema_rs
import pytest
from activation_contracts.catalogue import CATALOGUE
from activation_contracts.documents.folder import DOCUMENTS
from activation_contracts.documents.schemas import schema_of
from activation_contracts.examples import EXAMPLES
from activation_contracts.reading import UnreadableError, read

ROWS: Final = {row.type: row for row in CATALOGUE}
COMMAND: Final = "telephony.phone_number.activate.v1"
RESULT: Final = "telephony.pbx.result.v1"
SERVICE: Final = "telephony.directory.voice_service.v1"
NUMBER: Final = "telephony.directory.phone_number.v1"

LONG_ID: Final = "é" * 128
WITHOUT_ACCOUNT: Final = {"phone_number": "+442079460201", "site_id": "london-1", "version": 1}


def changed(kind: str, data: dict[str, Any] | None = None, **attributes: Any) -> str:
    """The example of this type with other attributes, and with these fields in its data."""
    event = json.loads(EXAMPLES[kind].encode())
    return json.dumps({**event, **attributes, "data": {**event["data"], **(data or {})}})


def number(**data: Any) -> str:
    event = json.loads(EXAMPLES[NUMBER].encode())
    return json.dumps({**event, "data": {**WITHOUT_ACCOUNT, **data}})


REFUSED: Final = {
    "| `id`, `operation_id` | more than 255 bytes of UTF-8": (
        changed(COMMAND, id=LONG_ID),
        changed(RESULT, {"operation_id": LONG_ID}),
    ),
    "| `quantity`, `version` | an integer that is written as `1.0` or `1e3`": (
        changed(SERVICE, {"quantity": 1.0}),
        changed(SERVICE).replace('"quantity": 5', '"quantity": 1e3'),
        changed(NUMBER, {"version": 1.0}),
    ),
    "| `expirytime` | a leap second (`23:59:60Z`), the year 0000": (
        changed(COMMAND, expirytime="2016-12-31T23:59:60Z"),
        changed(COMMAND, expirytime="0000-11-24T09:00:00Z"),
    ),
    "| the year 0000; `ends_on` before `starts_on`": (
        changed(SERVICE, {"starts_on": "0000-01-01"}),
        changed(SERVICE, {"ends_on": "0000-01-01"}),
        changed(SERVICE, {"starts_on": "2026-01-02", "ends_on": "2026-01-01"}),
    ),
    "the `status` PENDING;": (number(account_id="acme", status="PENDING"),),
    "AVAILABLE with an `account_id`;": (number(account_id="acme", status="AVAILABLE"),),
    "RESERVED, ACTIVE or a `main_number` without one;": (
        number(status="RESERVED"),
        number(status="ACTIVE"),
        number(main_number=True),
    ),
    "a `main_number` with `assigned_to`;": (
        number(account_id="acme", main_number=True, assigned_to="Ada"),
    ),
    "a PIN among the `features`": (number(features=["voicemail_pin"]),),
    "| a command | `preview` beside `data`": (changed(COMMAND, preview=True),),
    "`expirytime` in `data`": (changed(COMMAND, {"expirytime": "2026-11-24T09:00:00Z"}),),
    "a name with a capital": (changed(COMMAND, tenantId="1"),),
    "or a known name with separators": (changed(COMMAND, expiry_time="2026-11-24T09:00:00Z"),),
    "| more than 65,536 bytes;": (changed(COMMAND, filler="x" * 65_536),),
    "a key that occurs twice in one object": (
        changed(COMMAND).replace('"id":', '"id": "first", "id":'),
    ),
}


@pytest.mark.parametrize(
    ("words", "body"), [(words, body) for words, bodies in REFUSED.items() for body in bodies]
)
def test_the_page_names_what_the_reader_refuses_and_the_schema_accepts(
    words: str, body: str
) -> None:
    row = ROWS[json.loads(body)["type"]]

    assert jsonschema_rs.is_valid(schema_of(row), json.loads(body), validate_formats=True)
    with pytest.raises(UnreadableError):
        read(body.encode(), None, {row.type: row.message})
    assert words in (DOCUMENTS / "compatibility.md").read_text(encoding="utf-8")


def integers_in(schema: Any) -> Iterator[str]:
    """The names of all fields that hold an integer."""
    if isinstance(schema, list):
        for item in schema:
            yield from integers_in(item)
    if isinstance(schema, dict):
        for name, field in schema.get("properties", {}).items():
            if "integer" in json.dumps(field):
                yield name
        for part in schema.values():
            yield from integers_in(part)


def test_all_integers_of_what_the_worker_reads_are_on_the_page() -> None:
    received = [schema_of(row) for row in CATALOGUE if row.direction == "received"]

    assert {*integers_in(received)} == {"quantity", "version"}
