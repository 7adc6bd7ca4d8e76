"""Reading: for all bytes the result is a message or an error with a code."""

import json
from typing import Any

import pytest
from cloudevents.conversion import to_json
from cloudevents.http import CloudEvent, from_json
from hypothesis import given
from hypothesis import strategies as some

from contracts.catalogue import COMMANDS
from contracts.messages import Activate, CommandData
from contracts.reading import ReadErrorCode, UnreadableError, read

CONTENT_TYPE = "application/cloudevents+json"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/web-tier",
    "type": "telephony.phone_number.activate.v1",
    "data": {"phone_number": "+442079460001", "account_id": "acme", "site_id": "london"},
}


def body(data: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """The event with changes; None omits an attribute."""
    changed = {**EVENT, **changes, "data": {**EVENT["data"], **(data or {})}}
    return json.dumps({key: value for key, value in changed.items() if value is not None}).encode()


@pytest.mark.parametrize(
    "content_type", [None, CONTENT_TYPE, "Application/CloudEvents+JSON; charset=utf-8"]
)
def test_the_content_type_may_be_absent_or_have_parameters(
    content_type: str | None,
) -> None:
    command = read(body(), content_type, COMMANDS)

    assert isinstance(command, Activate)
    assert command.data.phone_number == "+442079460001"


def test_unknown_fields_are_ignored() -> None:
    assert read(body({"colour": "blue"}, weather="fine"), CONTENT_TYPE, COMMANDS) == read(
        body(), CONTENT_TYPE, COMMANDS
    )


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\xff\xfe", ReadErrorCode.NOT_UTF8),
        (b"", ReadErrorCode.NOT_JSON),
        (b"{", ReadErrorCode.NOT_JSON),
        (b'{"a": NaN}', ReadErrorCode.NOT_JSON),
        (b"[" * 60_000, ReadErrorCode.NESTED_TOO_DEEPLY),
        (b'{"a": ' + b"[" * 30_000 + b"]" * 30_000 + b"}", ReadErrorCode.NESTED_TOO_DEEPLY),
        (b"[" * 100_000 + b"]" * 100_000, ReadErrorCode.BODY_TOO_LARGE),
        (b" " * 20 * 1024 * 1024, ReadErrorCode.BODY_TOO_LARGE),
        (b'{"a": Infinity}', ReadErrorCode.NOT_JSON),
        (b"\xef\xbb\xbf{}", ReadErrorCode.NOT_JSON),
        (b'{"a": ' + b"9" * 5_000 + b"}", ReadErrorCode.NOT_JSON),
        (b'{"a": {"b": 1, "b": 1}}', ReadErrorCode.DUPLICATE_KEY),
        (b"[]", ReadErrorCode.NOT_A_CLOUDEVENT),
        (body(specversion="0.3"), ReadErrorCode.NOT_A_CLOUDEVENT),
        (body(type=7), ReadErrorCode.NOT_A_CLOUDEVENT),
        (body(type="telephony.phone_number.explode.v1"), ReadErrorCode.TYPE_UNKNOWN),
        (body(id=None), ReadErrorCode.INVALID),
        (body(id=""), ReadErrorCode.INVALID),
        (body(id="\x00"), ReadErrorCode.INVALID),
        (body(id="é" * 128), ReadErrorCode.INVALID),
        (body(source="two words"), ReadErrorCode.INVALID),
        (body(expirytime="tomorrow"), ReadErrorCode.INVALID),
        (body(expirytime="2026-11-24T09:00:00"), ReadErrorCode.INVALID),
        (body(expirytime="2026-11-24"), ReadErrorCode.INVALID),
        (body(expirytime=1_795_510_800), ReadErrorCode.INVALID),
        (body(expirytime="1795510800"), ReadErrorCode.INVALID),
        (body(subject="\x00"), ReadErrorCode.INVALID),
        (body(traceparent="\ud800"), ReadErrorCode.INVALID),
        (body(datacontenttype="text/xml"), ReadErrorCode.INVALID),
        (body({"phone_number": "02079460001"}), ReadErrorCode.INVALID),
        (body({"phone_number": "+442079460001\n"}), ReadErrorCode.INVALID),
        (body({"phone_number": 442079460001}), ReadErrorCode.INVALID),
        (body({"account_id": "a b"}), ReadErrorCode.INVALID),
        (body({"requested_by": "A\x00da"}), ReadErrorCode.INVALID),
        (body({"requested_by": "\ud800"}), ReadErrorCode.INVALID),
        (body({"requested_by": "x" * 129}), ReadErrorCode.INVALID),
    ],
)
def test_an_unreadable_message_has_a_code_and_a_detail(raw: bytes, code: ReadErrorCode) -> None:
    with pytest.raises(UnreadableError) as refused:
        read(raw, CONTENT_TYPE, COMMANDS)

    assert refused.value.code is code
    assert refused.value.detail


def test_a_different_content_type_is_an_error() -> None:
    with pytest.raises(UnreadableError, match="CONTENT_TYPE_UNSUPPORTED"):
        read(body(), "application/json", COMMANDS)


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=10),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=10,
)


@given(some.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode()))
def test_random_bytes_are_unreadable(raw: bytes) -> None:
    with pytest.raises(UnreadableError):
        read(raw, CONTENT_TYPE, COMMANDS)


@given(some.fixed_dictionaries({}, optional=dict.fromkeys(EVENT, json_values)))
def test_an_event_with_random_attributes_is_read_or_unreadable(changes: dict[str, Any]) -> None:
    try:
        command = read(json.dumps({**EVENT, **changes}).encode(), CONTENT_TYPE, COMMANDS)
    except UnreadableError:
        return
    assert read(command.encode(), CONTENT_TYPE, COMMANDS) == command


def test_the_cloudevents_package_and_the_contracts_read_each_other() -> None:
    attributes = {key: value for key, value in EVENT.items() if key != "data"}
    theirs = to_json(CloudEvent(attributes, EVENT["data"]))
    command = read(theirs, CONTENT_TYPE, COMMANDS)
    back = from_json(command.encode())

    assert back["id"] == "1"
    assert back.data["phone_number"] == command.data.phone_number


def test_every_read_error_code_is_tested() -> None:
    marks = vars(test_an_unreadable_message_has_a_code_and_a_detail)["pytestmark"]
    shown = {code for mark in marks for _, code in mark.args[1]}

    assert shown | {ReadErrorCode.CONTENT_TYPE_UNSUPPORTED} == {*ReadErrorCode}


def test_an_error_detail_is_short_and_printable() -> None:
    with pytest.raises(UnreadableError) as refused:
        read(body({"phone_number": "\u202e" * 9_000}), CONTENT_TYPE, COMMANDS)

    assert refused.value.detail.isprintable()
    assert len(refused.value.detail) < 400


def test_a_timestamp_is_read_with_any_zone() -> None:
    there = read(body(expirytime="2026-11-24T10:00:00.5+01:00"), CONTENT_TYPE, COMMANDS)
    here = read(body(expirytime="2026-11-24t09:00:00.500z"), CONTENT_TYPE, COMMANDS)

    assert there.expirytime == here.expirytime


def test_a_constructed_payload_is_validated() -> None:
    with pytest.raises(ValueError, match="phone_number"):
        CommandData(phone_number="123", account_id="acme", site_id="london")
