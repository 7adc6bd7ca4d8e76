"""Reading: for all bytes the result is a message or an error with a code."""

import json
from typing import Any

import pytest
from activation_contracts.catalogue import COMMANDS, RESULTS
from activation_contracts.messages import Activate, CommandData
from activation_contracts.reading import ReadErrorCode, UnreadableError, read
from activation_contracts.reading.examples import PLAIN, Sent
from activation_contracts.reading.forgiven import FORGIVEN
from activation_contracts.reading.refused import REFUSED
from cloudevents.conversion import to_json
from cloudevents.http import CloudEvent, from_json
from hypothesis import given
from hypothesis import strategies as some

CONTENT_TYPE = "application/cloudevents+json"
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "1",
    "source": "/web-tier",
    "type": "telephony.phone_number.activate.v1",
    "data": {"phone_number": "+442079460001", "account_id": "acme", "site_id": "london"},
}


json_values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=10),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=10,
)


def body(data: dict[str, Any] | None = None, **changes: Any) -> bytes:
    """The event with changes; None omits an attribute."""
    changed = {**EVENT, **changes, "data": {**EVENT["data"], **(data or {})}}
    return json.dumps({key: value for key, value in changed.items() if value is not None}).encode()


def read_sent(sent: Sent) -> Any:
    return read(
        sent.body,
        sent.content_type,
        COMMANDS,
        content_encoding=sent.content_encoding,
        headers=sent.headers,
    )


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(sent, id=f"{row}-{place}")
        for row, forgiven in enumerate(FORGIVEN)
        for place, sent in enumerate(forgiven.examples)
    ],
)
def test_every_forgiven_example_is_read_as_the_plain_command(sent: Sent) -> None:
    plain, command = read_sent(PLAIN), read_sent(sent)

    assert isinstance(command, Activate)
    assert (command.id, command.source, command.data) == (plain.id, plain.source, plain.data)
    assert command.expirytime is None


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(sent, refused.code, id=f"{row}-{place}")
        for row, refused in enumerate(REFUSED)
        for place, sent in enumerate(refused.examples)
    ],
)
def test_every_refused_example_has_the_code_of_its_row(sent: Sent, code: ReadErrorCode) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_sent(sent)

    assert refused.value.code is code
    assert refused.value.detail.isprintable()
    assert "Value error" not in refused.value.detail


def test_every_read_error_code_has_a_refused_example() -> None:
    assert {row.code for row in REFUSED} == {*ReadErrorCode}


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (Sent(b"\x1f\x8b\x08"), "it is gzip without the content encoding gzip: send UTF-8"),
        (Sent("{}".encode("utf-16")), "it is UTF-16: send UTF-8"),
        (Sent(b"[]"), "the body is an array: send each event in a message of its own"),
        (Sent(b'{"SpecVersion": "1.0"}'), "write 'specversion', not 'SpecVersion'"),
        (Sent(body(expiryTime="2026-11-24T09:00:00Z")), "'expiryTime' is not an attribute"),
        (Sent(body(expiryTime="2026-11-24T09:00:00Z")), "write 'expirytime'"),
        (Sent(body(Colour="blue")), "write 'colour'"),
        (Sent(b"{}", content_encoding="br"), "send the JSON as UTF-8, uncompressed or as gzip"),
        (Sent(body(pre_view=True)), "'pre_view' stands beside data, where it would be ignored"),
        (
            Sent(body({"Preview": True})),
            "data has the field 'Preview', which would be ignored: write 'preview'",
        ),
        (
            Sent(body({"expiryTime": "2026-11-24T09:00:00Z"})),
            "'expiryTime' stands in data, where it would be ignored: put 'expirytime' beside data",
        ),
        (
            Sent(body(extensions={"expirytime": "2026-11-24T09:00:00Z"})),
            "'expirytime' stands in 'extensions', where it would be ignored: put 'expirytime'",
        ),
        (
            Sent(body(), headers={"ce-expirytime": "2026-11-24T09:00:00Z"}),
            "the header 'ce-expirytime', beside an event, would be ignored: put 'expirytime'",
        ),
        (Sent(body({"id": "1"}, id=None)), "id: Field required (it stands in data, as 'id': put"),
        (
            Sent(body({"Type": "t"}, type=None)),
            "(it stands in data, as 'Type': put it beside data)",
        ),
    ],
)
def test_the_detail_says_what_to_send_instead(sent: Sent, detail: str) -> None:
    with pytest.raises(UnreadableError) as refused:
        read_sent(sent)

    assert detail in refused.value.detail


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        (body(type="telephony.phone_number.explode.v1"), ("1", "/web-tier")),
        (body({"phone_number": "no"}), ("1", "/web-tier")),
        (body(specversion="0.3"), ("1", "/web-tier")),
        (body(specversion=None), ("1", "/web-tier")),
        (body(id=7), (None, "/web-tier")),
        (body({"phone_number": "no"}, source="two words"), ("1", None)),
        (body({"phone_number": "no"}, id="\ud800"), (None, "/web-tier")),
        (b"no json", (None, None)),
    ],
)
def test_an_error_names_the_message_as_far_as_it_can_be_read(
    sent: bytes, named: tuple[str | None, str | None]
) -> None:
    with pytest.raises(UnreadableError) as refused:
        read(sent, CONTENT_TYPE, COMMANDS)

    assert (refused.value.id, refused.value.source) == named


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
        (b"\xef\xbb\xbf{}", ReadErrorCode.NOT_A_CLOUDEVENT),
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


@pytest.mark.parametrize("name", ["id", "source", "type", "time", "subject", "correlationid"])
def test_other_names_of_attributes_are_fields_like_any_unknown_one_in_data(name: str) -> None:
    assert read(body({name: "later"}), CONTENT_TYPE, COMMANDS) == read(
        body(), CONTENT_TYPE, COMMANDS
    )


def test_a_header_may_repeat_the_expiry_of_the_event_in_the_body() -> None:
    expiry = "2026-11-24T09:00:00Z"
    sent = Sent(body(expirytime=expiry), headers={"ce-expirytime": expiry})

    assert read_sent(sent) == read(body(expirytime=expiry), CONTENT_TYPE, COMMANDS)


@pytest.mark.parametrize("name", ["Preview", "PREVIEW", "preView", "pre_view", "pre-view"])
def test_a_deactivation_is_not_carried_out_if_preview_is_misspelt_in_its_data(name: str) -> None:
    with pytest.raises(UnreadableError, match="write 'preview'"):
        read(body({name: True}, type="telephony.phone_number.deactivate.v1"), None, COMMANDS)


@pytest.mark.parametrize("no_bytes", ["text", None, {"id": 1}, memoryview(b"{}")])
def test_a_body_that_is_no_bytes_is_a_type_error_that_says_so(no_bytes: Any) -> None:
    with pytest.raises(TypeError, match="body must be bytes"):
        read(no_bytes, CONTENT_TYPE, COMMANDS)


def test_a_different_content_type_is_an_error() -> None:
    with pytest.raises(UnreadableError, match="CONTENT_TYPE_UNSUPPORTED"):
        read(body(), "application/xml", COMMANDS)


TRAVELLING = (
    *("subject", "time", "correlationid", "causationid", "traceparent", "tracestate"),
    "partitionkey",
)


@given(some.fixed_dictionaries({}, optional=dict.fromkeys(TRAVELLING, json_values)))
def test_an_attribute_that_only_travels_never_makes_a_command_unreadable(
    attributes: dict[str, Any],
) -> None:
    command = read(json.dumps({**EVENT, **attributes}).encode(), CONTENT_TYPE, COMMANDS)

    assert command.data == read(body(), CONTENT_TYPE, COMMANDS).data
    assert read(command.encode(), CONTENT_TYPE, COMMANDS) == command


@given(some.dictionaries(some.sampled_from(["ce-id", "cloudEvents:type", "ce-time"]), json_values))
def test_random_headers_are_read_or_unreadable(headers: dict[str, Any]) -> None:
    try:
        read(b"{}", None, COMMANDS, headers={"ce-specversion": "1.0", **headers})
    except UnreadableError:
        return
    pytest.fail("a command without data was read")


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


def test_an_error_detail_is_short_and_printable() -> None:
    with pytest.raises(UnreadableError) as refused:
        read(body({"phone_number": "\u202e" * 9_000}), CONTENT_TYPE, COMMANDS)

    assert refused.value.detail.isprintable()
    assert len(refused.value.detail) < 400


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-11-24T09:00Z", "2026-11-24T09:00:00Z"),
        ("2026-11-24T09:00+0100", "2026-11-24T08:00:00Z"),
        ("2026-11-24T09:00:00,250-01", "2026-11-24T10:00:00.250Z"),
        ("2026-11-24T09:00:00.123456789Z", "2026-11-24T09:00:00.123456Z"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("9999-12-31T23:59:59-14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_time_with_one_meaning_is_read(written: str, meant: str) -> None:
    assert (
        read(body(time=written), CONTENT_TYPE, COMMANDS).time
        == read(body(time=meant), CONTENT_TYPE, COMMANDS).time
        is not None
    )


def test_attributes_that_travel_become_text() -> None:
    sent = body(partitionkey=7, subject=True, traceparent=1.5, correlationid="", causationid=None)
    command = read(sent, CONTENT_TYPE, COMMANDS)

    assert (command.partitionkey, command.subject, command.traceparent) == ("7", "true", "1.5")
    assert (command.correlationid, command.causationid) == (None, None)


@pytest.mark.parametrize(
    ("fields", "code", "detail"),
    [
        ({"code": 486, "detail": "busy"}, "486", "busy"),
        ({"code": "x" * 200, "detail": "y" * 2000}, "x" * 128, "y" * 1024),
        ({"code": "a\x00b", "detail": "\ud800"}, "ab", "?"),
        ({"code": {}, "detail": ["a"]}, None, None),
        ({"code": None, "detail": True}, None, "true"),
    ],
)
def test_a_result_is_read_whatever_its_code_and_detail_are(
    fields: dict[str, Any], code: str | None, detail: str | None
) -> None:
    data = {"operation_id": "1", "result": "done", **fields}
    event = {**EVENT, "type": "telephony.pbx.result.v1", "data": data}
    result = read(json.dumps(event).encode(), CONTENT_TYPE, RESULTS)

    assert (result.data.code, result.data.detail) == (code, detail)


def test_a_timestamp_is_read_with_any_zone() -> None:
    there = read(body(expirytime="2026-11-24T10:00:00.5+01:00"), CONTENT_TYPE, COMMANDS)
    here = read(body(expirytime="2026-11-24t09:00:00.500z"), CONTENT_TYPE, COMMANDS)

    assert there.expirytime == here.expirytime


def test_a_constructed_payload_is_validated() -> None:
    with pytest.raises(ValueError, match="phone_number"):
        CommandData(phone_number="123", account_id="acme", site_id="london")
