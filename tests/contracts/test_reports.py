"""Reports: at least one criterion, for the reader and in the schema alike."""

import json
from typing import Any

import pytest
from activation_contracts.catalogue import REPORTS, definition_of
from activation_contracts.documents.schemas import schema_of
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import Report
from activation_contracts.reading import ReadErrorCode, UnreadableError, read
from jsonschema import Draft202012Validator

SCHEMA = Draft202012Validator(schema_of(definition_of(Report)))


def report(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "report-1",
        "source": "/web-tier",
        "type": "telephony.phone_number.report.v1",
        "data": data,
    }


@pytest.mark.parametrize(
    "data",
    [
        {"phone_number": "+442079460001"},
        {"account_id": "acme"},
        {"site_id": "london"},
        {"account_id": "acme", "site_id": "london"},
        {"phone_number": None, "site_id": "london", "colour": "blue"},
    ],
)
def test_a_report_with_a_criterion_is_read(data: dict[str, Any]) -> None:
    message = read(json.dumps(report(data)).encode(), CONTENT_TYPE, REPORTS)

    assert message.data.site_id == data.get("site_id")
    # Null is read as absent; the schema says to leave the field out.
    assert SCHEMA.is_valid(report({name: value for name, value in data.items() if value}))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({}, "data: give at least one of phone_number, account_id, site_id"),
        ({"site_id": None}, "data: give at least one of"),
        ({"site_id": "lon don"}, "data.site_id: String should match pattern"),
        ({"phone_number": 442079460001}, "data.phone_number: Input should be a valid string"),
    ],
)
def test_a_report_without_a_valid_criterion_cannot_be_read(
    data: dict[str, Any], problem: str
) -> None:
    with pytest.raises(UnreadableError) as refused:
        read(json.dumps(report(data)).encode(), CONTENT_TYPE, REPORTS)

    assert refused.value.code is ReadErrorCode.INVALID
    assert refused.value.detail.startswith(problem)
    assert not SCHEMA.is_valid(report(data))
