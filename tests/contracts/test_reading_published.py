"""Reading what the worker publishes: of any size, and with types that came later."""

import gzip
import json
from typing import Any

import pytest
from activation_contracts import EVENTS, REPLIES, UnreadableError, read
from activation_contracts.catalogue import REPORTS
from activation_contracts.documents.schemas import schema_of
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages import (
    NUMBERS_PER_PAGE,
    Previewed,
    PreviewedHuntGroupMembership,
    PreviewedOther,
)
from activation_contracts.reading import BODY_MAXIMUM_BYTES, PUBLISHED_MAXIMUM_BYTES, ReadErrorCode
from jsonschema import Draft202012Validator

from tests.support.contract.sent import SENT

Event = dict[str, Any]

PREVIEWED = "telephony.phone_number.previewed.v1"
SNAPSHOT = "telephony.phone_number.snapshot.v1"
STEPS = 200


def example(name: str) -> Event:
    event: Event = json.loads(EXAMPLES[name].encode())
    return event


def encoded(event: Event) -> bytes:
    return json.dumps(event).encode()


def preview_with(*messages: Event) -> Event:
    event = example(PREVIEWED)
    return {**event, "data": {**event["data"], "messages": [*messages]}}


def full_page() -> Event:
    """A page with as many numbers as it can have, each of which awaits many steps."""
    event = example(SNAPSHOT)
    pending = next(number for number in event["data"]["numbers"] if number["operation"])
    step = pending["operation"]["awaiting"][0]
    pending["operation"]["awaiting"] = [step] * STEPS
    event["data"]["numbers"] = [pending] * NUMBERS_PER_PAGE
    return event


MEMBERSHIP, LOGOUT, RESET = example(PREVIEWED)["data"]["messages"]
LARGE = {"full page": full_page(), "preview of many groups": preview_with(*[MEMBERSHIP] * 300)}
LATER: Event = {
    "type": "telephony.billing.stop.v1",
    "routing_key": "billing.x",
    "data": {"since": [1]},
}


@pytest.mark.parametrize("event", LARGE.values(), ids=LARGE)
def test_what_the_worker_publishes_may_be_larger_than_what_it_receives(event: Event) -> None:
    body = encoded(event)

    assert len(body) > BODY_MAXIMUM_BYTES
    for accepted in (EVENTS, REPLIES, {**REPORTS, **REPLIES}):
        message = read(body, CONTENT_TYPE, accepted)
        assert message.model_dump(mode="json", exclude_unset=True) == event


def test_an_endless_compressed_event_is_refused() -> None:
    body = gzip.compress(b" " * (PUBLISHED_MAXIMUM_BYTES + 1), 1)

    with pytest.raises(UnreadableError) as refused:
        read(body, CONTENT_TYPE, EVENTS, content_encoding="gzip")

    assert refused.value.code is ReadErrorCode.BODY_TOO_LARGE


def test_a_preview_with_a_message_of_a_type_that_came_later_is_read() -> None:
    event = preview_with(MEMBERSHIP, LATER)

    message = read(encoded(event), CONTENT_TYPE, EVENTS)

    assert isinstance(message, Previewed)
    known, later = message.data.messages
    assert isinstance(known, PreviewedHuntGroupMembership)
    assert later == PreviewedOther(**LATER)
    Draft202012Validator(schema_of(SENT[PREVIEWED])).validate(event)


WRONG_MESSAGES: list[tuple[Event, str]] = [
    ({**MEMBERSHIP, "data": LOGOUT["data"]}, "data.messages.0.data.hunt_group_id: Field required"),
    ({**MEMBERSHIP, "data": {}}, "data.messages.0.data.phone_number: Field required"),
    ({**RESET, "data": "text"}, "data.messages.0.data: "),
    ({**LATER, "data": "text"}, "data.messages.0.data: Input should be a valid dictionary"),
    ({**LATER, "type": 7}, "data.messages.0.type: Input should be a valid string"),
    ({**LOGOUT, "data": {**LOGOUT["data"], "sequence": 0}}, "data.messages.0.data.sequence: "),
]


@pytest.mark.parametrize(("message", "problem"), WRONG_MESSAGES)
def test_the_type_of_a_previewed_message_decides_its_shape(message: Event, problem: str) -> None:
    event = preview_with(message)

    with pytest.raises(UnreadableError) as refused:
        read(encoded(event), CONTENT_TYPE, EVENTS)

    assert refused.value.detail.startswith(problem)
    assert not Draft202012Validator(schema_of(SENT[PREVIEWED])).is_valid(event)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if EXAMPLES[name].type in EVENTS])
def test_an_error_names_only_fields_of_the_message(name: str) -> None:
    event = example(name)
    for field in event["data"].keys() - {"said"}:  # which may be any object
        wrong = {**event, "data": {**event["data"], field: {"nothing": [{}]}}}
        with pytest.raises(UnreadableError) as refused:
            read(encoded(wrong), CONTENT_TYPE, EVENTS)
        place = refused.value.detail.partition(": ")[0]
        assert place.split(".")[:2] == ["data", field]
        assert place.replace(".", "").replace("_", "").isalnum()
