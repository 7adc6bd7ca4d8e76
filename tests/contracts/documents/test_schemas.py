"""Schemas and examples agree with reading and writing."""

import json
from typing import Any

import pytest
from activation_contracts.catalogue import CATALOGUE, COMMANDS, MessageDefinition
from activation_contracts.documents.schemas import schema_of
from activation_contracts.envelope import CONTENT_TYPE, Envelope, Published, omittable
from activation_contracts.examples import EXAMPLES
from activation_contracts.reading import UnreadableError, read
from cloudevents.http import from_json
from hypothesis import given
from hypothesis import strategies as some
from jsonschema import Draft202012Validator, FormatChecker

ROWS = [pytest.param(row, id=row.type) for row in CATALOGUE]
MESSAGES = [pytest.param(message, id=name) for name, message in EXAMPLES.items()]
MODELS: dict[str, type[Envelope]] = {row.type: row.message for row in CATALOGUE}
BY_TYPE = {row.type: row for row in CATALOGUE}
ACTIVATE = "telephony.phone_number.activate.v1"


def validator(row: MessageDefinition) -> Draft202012Validator:
    return Draft202012Validator(schema_of(row), format_checker=FormatChecker())


def content(message: Envelope) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(message.encode())
    return decoded


@pytest.mark.parametrize("row", ROWS)
def test_every_message_has_a_schema_and_an_example(row: MessageDefinition) -> None:
    Draft202012Validator.check_schema(schema_of(row))

    assert row.type in EXAMPLES


@pytest.mark.parametrize("message", MESSAGES)
def test_an_example_matches_its_schema_and_is_read_back_unchanged(message: Envelope) -> None:
    validator(BY_TYPE[message.type]).validate(content(message))

    assert read(message.encode(), CONTENT_TYPE, MODELS) == message


@pytest.mark.parametrize("message", MESSAGES)
def test_the_cloudevents_package_reads_every_example(message: Envelope) -> None:
    event = from_json(message.encode())

    assert (event["id"], event["type"]) == (message.id, message.type)
    assert event.data == content(message)["data"]


@pytest.mark.parametrize("row", ROWS)
def test_every_schema_allows_additional_fields(row: MessageDefinition) -> None:
    assert '"additionalProperties": false' not in json.dumps(schema_of(row))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_requires_five_attributes_and_three_fields(name: str) -> None:
    schema = schema_of(BY_TYPE[name])

    assert schema["required"] == ["specversion", "id", "source", "type", "data"]
    assert schema["$defs"]["CommandData"]["required"] == ["phone_number", "account_id", "site_id"]


@pytest.mark.parametrize("row", [row for row in CATALOGUE if row.direction == "published"])
def test_fields_that_are_always_written_are_required(row: MessageDefinition) -> None:
    schema = schema_of(row)
    always = [name for name in row.message.model_fields if name not in omittable(row.message)]

    assert schema["required"] == always
    about_a_number = {"subject", "partitionkey"} if issubclass(row.message, Published) else set()
    assert {"datacontenttype", "specversion", "time", *about_a_number} < {*always}


def test_optional_fields_are_never_null_and_nullable_fields_are_required() -> None:
    row = BY_TYPE["telephony.phone_number.status_changed.v1"]
    data = schema_of(row)["$defs"]["StatusChangedData"]

    assert data["properties"]["deadline"] == {
        "description": "On PENDING: when the operation counts as overdue.",
        "allOf": [{"$ref": "#/$defs/Timestamp"}],
    }
    assert data["properties"]["extension"]["type"] == ["string", "null"]
    assert "extension" in data["required"]
    assert "deadline" not in data["required"]


values: some.SearchStrategy[Any] = some.one_of(
    some.none(), some.booleans(), some.integers(), some.text(max_size=10), some.just({})
)
names = some.sampled_from([*content(EXAMPLES[ACTIVATE]), "correlationid", "colour"])
# What only travels is read in any form; the schema says how to write it.
deciding_names = some.sampled_from(
    [*("specversion", "id", "source", "type", "expirytime", "data", "colour")]
)


@given(changes=some.dictionaries(deciding_names, values), omitted=some.sets(names))
def test_a_readable_command_matches_the_schema(changes: dict[str, Any], omitted: set[str]) -> None:
    event = {**content(EXAMPLES[ACTIVATE]), **changes}
    event = {name: value for name, value in event.items() if name not in omitted}
    try:
        read(json.dumps(event).encode(), CONTENT_TYPE, COMMANDS)
    except UnreadableError:
        return
    # Null is read as absent; the schema says to leave the attribute out.
    validator(BY_TYPE[ACTIVATE]).validate(
        {name: value for name, value in event.items() if value is not None}
    )


@given(omitted=some.sets(names))
def test_a_command_that_matches_the_schema_is_readable(omitted: set[str]) -> None:
    event = {
        name: value for name, value in content(EXAMPLES[ACTIVATE]).items() if name not in omitted
    }
    if validator(BY_TYPE[ACTIVATE]).is_valid(event):
        read(json.dumps(event).encode(), CONTENT_TYPE, COMMANDS)
