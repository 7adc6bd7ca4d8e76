"""Clients build messages with the package alone, and the worker reads what they build."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any

import aio_pika
import pytest
from activation_contracts import (
    EVENTS,
    PBX_MESSAGES,
    REPLIES,
    UnreadableError,
    activate,
    amqp_message,
    deactivate,
    deleted_record,
    pbx_result,
    read,
    record,
    report,
)
from activation_contracts.catalogue import CATALOGUE, COMMANDS, DIRECTORY, REPORTS, RESULTS
from activation_contracts.envelope import CONTENT_TYPE, Envelope, Received
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages import StatusChanged
from activation_contracts.records import (
    CallSettingsRecord,
    HandsetLoginRecord,
    HuntGroupMemberKey,
    HuntGroupMemberRecord,
    PhoneNumberRecord,
    VoiceServiceRecord,
)
from activation_contracts.values import AccountKind, CallTarget, DeviceKind, StepResult
from hypothesis import given
from hypothesis import strategies as some
from pydantic import ValidationError

WEB_TIER, PLATFORM = "/web-tier", "/platform"
NUMBER, OTHER_NUMBER = "+442079460201", "+442079460203"
RECEIVED: dict[str, type[Envelope]] = {**COMMANDS, **REPORTS, **RESULTS, **DIRECTORY}
PUBLISHED = {**EVENTS, **PBX_MESSAGES}
ACME: dict[str, Any] = {"account_id": "acme", "site_id": "london-1"}
REQUIRED: dict[str, Any] = {**ACME, "source": WEB_TIER}


BUILDERS: dict[str, Callable[..., Received]] = {
    "telephony.phone_number.activate.v1": partial(
        activate, NUMBER, **REQUIRED, requested_by="Ada, reception"
    ),
    "telephony.phone_number.deactivate.v1": partial(
        deactivate, OTHER_NUMBER, **REQUIRED, requested_by="Ada, reception"
    ),
    "telephony.phone_number.deactivate.v1.preview": partial(
        deactivate, OTHER_NUMBER, **REQUIRED, requested_by="Ada, reception", preview=True
    ),
    "telephony.phone_number.report.v1": partial(report, **REQUIRED),
    "telephony.directory.voice_service.v1": partial(
        record,
        VoiceServiceRecord(
            service_id="service-17", account_kind=AccountKind.OCCUPIER, quantity=5, **ACME
        ),
        version=3,
        source=PLATFORM,
    ),
    "telephony.directory.phone_number.v1": partial(
        record,
        PhoneNumberRecord(phone_number=NUMBER, extension="0201", **ACME),
        version=12,
        source=PLATFORM,
    ),
    "telephony.directory.call_settings.v1": partial(
        record,
        CallSettingsRecord(
            phone_number=NUMBER,
            hunt_group_id="acme-front-desk",
            in_hours=CallTarget.HUNT_GROUP,
            out_of_hours=CallTarget.VOICEMAIL,
            unanswered=CallTarget.RECEPTION,
        ),
        version=1,
        source=PLATFORM,
    ),
    "telephony.directory.hunt_group_member.v1": partial(
        record,
        HuntGroupMemberRecord(hunt_group_id="acme-front-desk", phone_number=NUMBER),
        version=1,
        source=PLATFORM,
    ),
    "telephony.directory.hunt_group_member.v1.deleted": partial(
        deleted_record,
        HuntGroupMemberKey(hunt_group_id="acme-front-desk", phone_number=NUMBER),
        version=2,
        source=PLATFORM,
    ),
    "telephony.directory.handset_login.v1.deleted": partial(
        deleted_record,
        # A whole record is a key too.
        HandsetLoginRecord(
            phone_number=NUMBER, device_id="desk-0201", device_kind=DeviceKind.DIGITAL
        ),
        version=2,
        source=PLATFORM,
    ),
}


def built(name: str) -> Received:
    """The message, with the attributes of its example that no builder can know."""
    example = EXAMPLES[name]
    assert isinstance(example, Received)
    return BUILDERS[name](
        id=example.id,
        time=example.time,
        subject=example.subject,
        expirytime=example.expirytime,
        traceparent=example.traceparent,
    )


@pytest.mark.parametrize("name", BUILDERS)
def test_a_client_builds_the_example(name: str) -> None:
    assert built(name) == EXAMPLES[name]


BUILT_FROM_LEAST: dict[str, Callable[..., Received]] = {
    **BUILDERS,
    "telephony.pbx.result.v1": partial(pbx_result, "step-1", StepResult.DONE, source="/pbx"),
}


@pytest.mark.parametrize("name", BUILT_FROM_LEAST)
def test_a_misspelt_attribute_is_an_error_that_names_the_known_ones(name: str) -> None:
    with pytest.raises(TypeError, match=r"attribute: expiry_time; use one of .*, expirytime,"):
        BUILT_FROM_LEAST[name](expiry_time=datetime.now(UTC))


@pytest.mark.parametrize("name", BUILT_FROM_LEAST)
def test_the_subject_is_the_phone_number_in_the_data_unless_another_is_given(name: str) -> None:
    build = BUILT_FROM_LEAST[name]

    assert build().subject == getattr(build().data, "phone_number", None)
    assert build(subject="another").subject == "another"


def test_a_result_names_the_message_that_it_answers_as_its_cause() -> None:
    built = pbx_result("step-1", StepResult.REFUSED, source="/pbx", code="BUSY", detail="Try later")

    assert built.causationid == built.data.operation_id == "step-1"
    assert (built.data.result, built.data.code, built.data.detail) == (
        *(StepResult.REFUSED, "BUSY", "Try later"),
    )


def test_a_command_has_a_new_id_and_the_present_time_unless_others_are_given() -> None:
    before = datetime.now(UTC)
    first, second = activate(NUMBER, **REQUIRED), activate(NUMBER, **REQUIRED, id=None)
    repeated = activate(NUMBER, **REQUIRED, id=first.id)

    assert first.id != second.id
    assert first.time is not None
    assert before <= first.time <= datetime.now(UTC)
    assert (repeated.id, repeated.fingerprint) == (first.id, first.fingerprint)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"account_id": "acme & sons"}, "account_id"),
        ({"site_id": ""}, "site_id"),
        ({"requested_by": "x" * 129}, "requested_by"),
        ({"source": "two words"}, "source"),
        ({"id": "x" * 256}, "id"),
        ({"expirytime": "soon"}, "expirytime"),
    ],
)
def test_a_command_that_the_worker_could_not_read_is_not_built(
    wrong: dict[str, Any], field: str
) -> None:
    with pytest.raises(ValidationError) as raised:
        activate(NUMBER, **{**REQUIRED, **wrong})

    assert [problem["loc"] for problem in raised.value.errors()] == [(field,)]


PLATFORM_IDS = some.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
TEXTS = some.text(some.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(
    account=PLATFORM_IDS,
    site=PLATFORM_IDS,
    source=some.from_regex(r"/[!-~]{0,80}", fullmatch=True),
    requested_by=some.none() | TEXTS.map(lambda text: text[:128]),
    identifier=some.none() | some.from_regex(r"[!-~]{1,255}", fullmatch=True),
)
def test_what_a_client_builds_is_what_the_worker_reads(
    account: str, site: str, source: str, requested_by: str | None, identifier: str | None
) -> None:
    command = deactivate(
        NUMBER,
        account_id=account,
        site_id=site,
        source=source,
        requested_by=requested_by,
        id=identifier,
    )
    published = amqp_message(command)

    assert read(published.body, published.properties["content_type"], COMMANDS) == command


@given(texts=some.tuples(TEXTS, TEXTS, TEXTS), requested_by=TEXTS)
def test_of_any_text_a_client_builds_only_what_the_worker_reads(
    texts: tuple[str, str, str], requested_by: str
) -> None:
    account, site, source = texts
    try:
        command = activate(
            NUMBER, account_id=account, site_id=site, source=source, requested_by=requested_by
        )
    except ValidationError:
        return  # most are not built; the test above builds each
    assert read(command.encode(), CONTENT_TYPE, COMMANDS) == command


@pytest.mark.parametrize("name", BUILDERS)
def test_a_message_is_published_where_the_worker_reads_its_type(name: str) -> None:
    message = built(name)
    published = amqp_message(message, reply_to="reply.web-tier")
    (row,) = (row for row in CATALOGUE if row.type == message.type)

    assert (published.exchange, published.routing_key) == (row.exchange, row.routing_key)
    assert read(published.body, CONTENT_TYPE, RECEIVED) == message


def test_the_properties_are_a_copy_of_the_envelope_that_an_amqp_library_takes() -> None:
    time = datetime(2026, 11, 24, 9, 0, 0, 500_000, tzinfo=UTC)
    command = activate(NUMBER, **REQUIRED, id="command-1", time=time)

    properties = amqp_message(command, reply_to="reply.web-tier").properties

    assert properties == {
        "content_type": "application/cloudevents+json",
        "delivery_mode": 2,
        "message_id": "command-1",
        "correlation_id": "command-1",
        "type": "telephony.phone_number.activate.v1",
        "timestamp": 1_795_510_800,
        "reply_to": "reply.web-tier",
    }
    message = aio_pika.Message(b"", **properties)
    assert message.timestamp == time.replace(microsecond=0)
    assert {name: getattr(message, name) for name in properties if name != "timestamp"} == {
        name: value for name, value in properties.items() if name != "timestamp"
    }


def test_the_correlation_id_of_the_envelope_is_that_of_the_message() -> None:
    command = activate(NUMBER, **REQUIRED, correlationid="page-7")

    assert amqp_message(command).properties["correlation_id"] == "page-7"
    assert "reply_to" not in amqp_message(command).properties


def test_a_report_without_a_queue_for_its_answer_is_not_published() -> None:
    with pytest.raises(ValueError, match="a report needs reply_to"):
        amqp_message(report(**REQUIRED))


def test_a_body_that_is_too_large_for_the_worker_is_not_published() -> None:
    features = tuple(f"feature_{place}" for place in range(5_000))
    state = PhoneNumberRecord(phone_number=NUMBER, site_id="london-1", features=features)

    with pytest.raises(ValueError, match="the maximum is 65536"):
        amqp_message(record(state, version=1, source=PLATFORM))


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].type in PUBLISHED])
def test_a_message_from_the_worker_is_not_built_for_publishing(name: str) -> None:
    message: Any = read(EXAMPLES[name].encode(), CONTENT_TYPE, PUBLISHED)

    with pytest.raises(TypeError, match="is a message from the worker, not to it"):
        amqp_message(message)


def test_every_answer_to_a_request_is_read_as_a_reply() -> None:
    assert {message.__name__ for message in REPLIES.values()} == {
        *("StatusChanged", "CommandRejected", "Previewed", "Snapshot", "MessageUnreadable"),
    }
    for name, message in EXAMPLES.items():
        if message.type in REPLIES:
            assert read(message.encode(), CONTENT_TYPE, REPLIES) == message, name


def test_every_event_and_every_pbx_message_is_read_by_its_class() -> None:
    published = [row for row in CATALOGUE if row.direction == "published"]

    assert {row.type: row.message for row in published} == PUBLISHED
    for name, message in EXAMPLES.items():
        if message.type in PUBLISHED:
            assert read(message.encode(), CONTENT_TYPE, PUBLISHED) == message, name


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].type in PUBLISHED])
def test_a_value_that_came_later_is_read_as_text_in_what_the_worker_publishes(name: str) -> None:
    event = json.loads(EXAMPLES[name].encode())
    known = read(json.dumps(event).encode(), CONTENT_TYPE, PUBLISHED)
    enumerations = [field for field, value in data_of(known).items() if isinstance(value, StrEnum)]

    for field in enumerations:
        later = {**event, "data": {**event["data"], field: "a_later_value"}}
        message = read(json.dumps(later).encode(), CONTENT_TYPE, PUBLISHED)
        assert data_of(message) == {**data_of(known), field: "a_later_value"}
        # The others are members as before.
        assert {name: type(value) for name, value in data_of(message).items() if name != field} == {
            name: type(value) for name, value in data_of(known).items() if name != field
        }


def test_a_value_that_came_later_is_read_in_a_list_and_in_a_literal() -> None:
    event = json.loads(EXAMPLES["telephony.phone_number.status_changed.v1"].encode())
    event["data"]["awaiting"][0] |= {"step": "billing", "waits_for": "a person"}

    message = read(json.dumps(event).encode(), CONTENT_TYPE, EVENTS)

    assert isinstance(message, StatusChanged)
    first, second, _ = message.data.awaiting or ()
    assert [first.step, first.waits_for, second.waits_for] == ["billing", "a person", "confirm"]


@pytest.mark.parametrize(
    "wrong", [{"sequence": "many"}, {"status": 7}, {"phone_number": "020"}, {"since": "soon"}]
)
def test_a_field_of_another_form_is_an_error_in_what_the_worker_publishes(
    wrong: dict[str, Any],
) -> None:
    event = json.loads(EXAMPLES["telephony.phone_number.status_changed.v1"].encode())
    (field,) = wrong

    with pytest.raises(UnreadableError, match=rf"INVALID: data\.{field}"):
        read(json.dumps({**event, "data": {**event["data"], **wrong}}).encode(), None, EVENTS)


def test_a_value_that_the_worker_does_not_know_is_an_error_in_what_it_receives() -> None:
    result = pbx_result("step-1", StepResult.DONE, source="/pbx").encode()

    with pytest.raises(UnreadableError, match=r"INVALID: data\.result"):
        read(result.replace(b"done", b"postponed"), None, RESULTS)


def data_of(message: Any) -> dict[str, Any]:
    return dict(message.data)
