"""Every exported schema explains itself, and says nothing else."""

import re
from typing import Any

import pytest
from activation_contracts.catalogue import CATALOGUE
from activation_contracts.documents.asyncapi import asyncapi_document
from activation_contracts.documents.schemas import bundle, schema_file, schema_of
from activation_contracts.refusals import REFUSALS
from activation_contracts.values import NumberStatus

from tests.contracts.exported import SCHEMA_FILES, Schema, exported, subschemas


def described(content: Schema, root: Schema) -> bool:
    """Whether a reader finds a text: at the place itself, or at what alone it refers to."""
    if "$ref" in content:
        definition = target_of(root, content["$ref"])
        return set(content) == {"$ref"} and bool(definition["description"])
    return bool(content.get("description"))


def target_of(root: Schema, reference: str) -> Any:
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def undescribed(root: Schema) -> list[str]:
    return [
        f"{place}/properties/{name}"
        for place, schema in subschemas(root)
        for name, content in schema.get("properties", {}).items()
        if content and not described(content, root)
    ]


@pytest.mark.parametrize("file", SCHEMA_FILES)
def test_every_property_and_definition_has_a_description(file: str) -> None:
    schema = exported(file)

    assert schema["description"]
    assert undescribed(schema) == []
    assert [name for name, it in schema["$defs"].items() if not it.get("description")] == []


def test_every_schema_of_the_asyncapi_document_has_descriptions() -> None:
    document = asyncapi_document()

    for name, schema in document["components"]["schemas"].items():
        places = [
            f"{name}{place}/{field}"
            for place, part in subschemas(schema)
            for field, content in part.get("properties", {}).items()
            if content and not described(content, document)
        ]
        assert places == []


@pytest.mark.parametrize("file", SCHEMA_FILES)
def test_schemas_have_no_titles_of_parts_and_no_defaults(file: str) -> None:
    schema = exported(file)
    messages = {row.message.__name__ for row in CATALOGUE}
    titles = {part["title"] for place, part in subschemas(schema) if "title" in part}

    assert titles <= {*messages, "Message"}
    assert [place for place, part in subschemas(schema) if "default" in part] == []


@pytest.mark.parametrize("file", SCHEMA_FILES)
def test_descriptions_name_no_sources_of_rules(file: str) -> None:
    texts = [part.get("description", "") for _, part in subschemas(exported(file))]

    assert [text for text in texts if "[S]" in text or "[H]" in text or "[D]" in text] == []


@pytest.mark.parametrize("file", SCHEMA_FILES)
def test_every_value_of_an_enumeration_has_a_text(file: str) -> None:
    for _, part in subschemas(exported(file)):
        for value in part.get("enum", ()):
            assert f"`{value}`" in part["description"]


def test_the_text_of_a_value_is_its_docstring_or_the_meaning_of_the_refusal() -> None:
    definitions = bundle()["$defs"]

    assert (
        f"- `{NumberStatus.COOLDOWN}`: Resting after it left an account."
        in definitions["NumberStatus"]["description"]
    )
    for refusal in REFUSALS:
        assert f"- `{refusal.code}`: {refusal.meaning}" in definitions["RefusalCode"]["description"]


def test_each_schema_is_identified_by_the_type_of_its_message() -> None:
    identifiers = [schema_file(row)["$id"] for row in CATALOGUE]

    assert identifiers == [f"urn:activation-worker:{row.type}" for row in CATALOGUE]


def test_the_bundle_has_each_message_and_each_definition_once() -> None:
    definitions = bundle()["$defs"]

    for row in CATALOGUE:
        schema = schema_of(row)
        shared = schema.pop("$defs")
        assert definitions[row.message.__name__] == schema
        assert {name: definitions[name] for name in shared} == shared
    assert [it["$ref"] for it in bundle()["oneOf"]] == [
        f"#/$defs/{row.message.__name__}" for row in CATALOGUE
    ]


def test_requested_by_names_the_events_in_which_it_comes_back() -> None:
    data = bundle()["$defs"]["CommandData"]["properties"]["requested_by"]
    events = {
        row.type.split(".")[-2]
        for row in CATALOGUE
        if row.direction == "published"
        and any("requested_by" in it.get("properties", {}) for _, it in subschemas(schema_of(row)))
    }

    assert {*re.findall("`([a-z_]+)`", data["description"])} == events


def test_moments_have_the_format_date_time() -> None:
    definition = bundle()["$defs"]["Timestamp"]

    assert (definition["type"], definition["format"]) == ("string", "date-time")


def test_a_received_field_that_is_optional_is_left_out_and_never_null() -> None:
    received = [schema_of(row) for row in CATALOGUE if row.direction == "received"]

    for schema in received:
        for _, part in subschemas(schema):
            assert part.get("type") != "null"
            assert "null" not in part.get("type", ())
