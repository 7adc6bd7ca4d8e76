"""The check of everything that the worker publishes fails for what the contracts do not allow."""

import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import aio_pika
import pytest
from activation_contracts.catalogue import routing_key_of
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages import PublishedMessage
from activation_contracts.topology import DEAD_LETTER_QUEUE
from aiormq import spec

from tests.support.contract.bodies import SampleCheck, body_problems
from tests.support.contract.deliveries import OWN, Seen, problems_of
from tests.support.contract.hook import ContractCheck
from tests.support.contract.sent import SENT
from tests.support.platform import platform_at

Event = dict[str, Any]

STATUS_CHANGED = "telephony.phone_number.status_changed.v1"
PUBLISHED = {
    name: message for name, message in EXAMPLES.items() if isinstance(message, PublishedMessage)
}


def seen(event: Event, **changes: Any) -> Seen:
    """The event as the worker publishes it, with other properties or another destination."""
    row = SENT[event["type"]]
    data = {**event["data"], "status": str(event["data"].get("status")).lower()}
    exchange = changes.pop("exchange", row.exchange)
    routing_key = changes.pop("routing_key", row.routing_key.format(**data))
    properties = {
        "content_type": CONTENT_TYPE,
        "delivery_mode": 2,
        "message_id": event["id"],
        "message_type": event["type"],
        "correlation_id": event.get("correlationid"),
        "timestamp": datetime.fromisoformat(event["time"]),
        **changes,
    }
    body = json.dumps(event).encode()
    return Seen(exchange, routing_key, spec.Basic.Properties(**properties), body)


def example(name: str = STATUS_CHANGED) -> Event:
    event: Event = json.loads(EXAMPLES[name].encode())
    return event


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_example_keeps_the_contracts(name: str) -> None:
    message = PUBLISHED[name]

    assert problems_of(seen(example(name), routing_key=routing_key_of(message))) == []


BROKEN_BODIES: dict[str, tuple[Callable[[Event], object], str]] = {
    "unknown type": (
        lambda event: event.update(type="telephony.phone_number.moved.v1"),
        "the worker sends no message of the type 'telephony.phone_number.moved.v1'",
    ),
    "type that only others send": (
        lambda event: event.update(type="telephony.phone_number.activate.v1"),
        "the worker sends no message of the type 'telephony.phone_number.activate.v1'",
    ),
    "field missing": (
        lambda event: event["data"].pop("sequence"),
        'data: "sequence" is a required property',
    ),
    "field not declared": (
        lambda event: event["data"].update(colour="red"),
        "data: Additional properties are not allowed ('colour' was unexpected)",
    ),
    "attribute not declared": (
        lambda event: event.update(colour="red"),
        "the event: Additional properties are not allowed ('colour' was unexpected)",
    ),
    "null where it is left out": (
        lambda event: event["data"].update(pin_reset=None),
        'data.pin_reset: null is not of type "boolean"',
    ),
    "time without a zone": (
        lambda event: event.update(time="2026-11-24T09:00:00"),
        'time: "2026-11-24T09:00:00" is not a "date-time"',
    ),
    "another source": (
        lambda event: event.update(source="/tests"),
        "source: '/tests' is not '/telephony/activation-worker'",
    ),
}


@pytest.mark.parametrize(("change", "problem"), BROKEN_BODIES.values(), ids=BROKEN_BODIES)
def test_a_body_that_breaks_its_schema_is_found(
    change: Callable[[Event], object], problem: str
) -> None:
    event = example()
    change(event)

    assert body_problems(json.dumps(event).encode()) == [problem]


def data_with(**fields: Any) -> Callable[[Event], object]:
    return lambda event: event["data"].update(fields)


REJECTED = "telephony.phone_number.command_rejected.v1"
EXCEEDED = "telephony.account.entitlement_exceeded.v1"
UNREADABLE = "telephony.message.unreadable.v1"
PREVIEWED = "telephony.phone_number.previewed.v1"
REFUSED_PREVIEW = f"{PREVIEWED}.refused"
SNAPSHOT = "telephony.phone_number.snapshot.v1"

UNTRUE: list[tuple[str, Callable[[Event], object], str]] = [
    (STATUS_CHANGED, data_with(status="active"), "data.status: "),
    (STATUS_CHANGED, data_with(operation="admire"), "data.operation: "),
    (REJECTED, data_with(code="NOT_A_CODE"), "data.code: "),
    (UNREADABLE, data_with(code="NOT_A_CODE"), "data.code: "),
    (REFUSED_PREVIEW, data_with(code="NOT_A_CODE"), "data.code: "),
    (
        PREVIEWED,
        lambda event: event["data"]["messages"][0].update(type="telephony.billing.stop.v1"),
        "data.messages.0: ",
    ),
    (
        PREVIEWED,
        lambda event: event["data"]["messages"][0]["data"].update(action="admire"),
        "data.messages.0: ",
    ),
    (STATUS_CHANGED, lambda event: event.update(subject="+442079460299"), "subject: "),
    (EXCEEDED, lambda event: event.update(subject="acme/paris"), "subject: "),
    (SNAPSHOT, lambda event: event.update(subject="+442079460299"), "subject: "),
    (STATUS_CHANGED, lambda event: event.update(partitionkey="acme/paris"), "partitionkey: "),
    (SNAPSHOT, lambda event: event.pop("partitionkey"), "partitionkey: None is not "),
    (
        PREVIEWED,
        lambda event: event["data"]["messages"][0].update(routing_key="handset_logout.london-1"),
        "data.messages.0.routing_key: ",
    ),
    (PREVIEWED, data_with(code="NUMBER_UNKNOWN"), "data.code: 'NUMBER_UNKNOWN', but it would "),
    (REFUSED_PREVIEW, data_with(code=None), "data.code: None, but it would be_refused"),
    (
        REFUSED_PREVIEW,
        data_with(messages=json.loads(EXAMPLES[PREVIEWED].encode())["data"]["messages"]),
        "data.messages: there are 3, but it would be_refused",
    ),
]


@pytest.mark.parametrize(("name", "change", "problem"), UNTRUE)
def test_a_body_that_the_worker_would_not_publish_is_found(
    name: str, change: Callable[[Event], object], problem: str
) -> None:
    event = example(name)
    change(event)

    (found,) = body_problems(json.dumps(event).encode())

    assert found.startswith(problem)


def test_a_body_that_the_package_of_the_contracts_cannot_read_is_found() -> None:
    body = json.dumps(example()).encode()
    twice = body.replace(b'"specversion"', b'"specversion": "1.0", "specversion"', 1)

    (found,) = body_problems(twice)

    assert found.startswith("the package of the contracts cannot read it: DUPLICATE_KEY")


@pytest.mark.parametrize("body", [b"no json", b"[]", b'"text"', b'{"type": 7}'])
def test_a_body_that_is_no_event_is_found(body: bytes) -> None:
    assert len(body_problems(body)) == 1


BROKEN_DELIVERIES: list[tuple[dict[str, Any], str]] = [
    ({"content_type": "application/json"}, "content_type is 'application/json'"),
    ({"delivery_mode": 1}, "delivery_mode is 1, not 2"),
    ({"message_id": "other"}, "message_id is 'other'"),
    ({"message_type": None}, "message_type is None"),
    ({"correlation_id": "other"}, "correlation_id is 'other'"),
    ({"timestamp": None}, "timestamp is None"),
    ({"priority": 9}, "priority is 9, not None"),
    ({"headers": {"CC": ["other"]}}, "it has the headers CC"),
    ({"routing_key": "phone_number.status.active"}, "not 'phone_number.status.pending'"),
    ({"exchange": "telephony.pbx"}, "goes to the exchange 'telephony.events'"),
]


@pytest.mark.parametrize(("changes", "problem"), BROKEN_DELIVERIES)
def test_properties_and_destinations_that_break_the_contracts_are_found(
    changes: dict[str, Any], problem: str
) -> None:
    (found,) = problems_of(seen(example(), **changes))

    assert problem in found


def test_a_reply_has_the_correlation_id_of_its_request() -> None:
    reply = {"exchange": "", "routing_key": "amq.gen-1", "correlation_id": "of the request"}

    assert problems_of(seen(example(), **reply)) == []
    (found,) = problems_of(seen(example("telephony.extension.reset.v1"), **reply))
    assert "goes to the exchange 'telephony.pbx', not to ''" in found


DEAD_LETTER = {
    "x-original-exchange": "telephony.commands",
    "x-original-routing-key": "phone_number.activate",
    "x-error-code": "NOT_JSON",
    "x-error-detail": "Expecting value",
    "x-failed-at": "2026-11-24T09:00:00+00:00",
}


@pytest.mark.parametrize(
    ("headers", "problem"),
    [
        ({}, None),
        ({"x-error-code": "SOMETHING"}, "'SOMETHING' is not documented"),
        ({"x-error-detail": None}, "the header x-error-detail is None"),
        ({"x-failed-at": "2026-11-24T09:00:00"}, "no time with a zone"),
        ({"x-failed-at": "now"}, "no time with a zone"),
    ],
)
def test_the_headers_of_a_dead_letter_are_checked(
    headers: dict[str, Any], problem: str | None
) -> None:
    properties = spec.Basic.Properties(headers={**DEAD_LETTER, **headers}, delivery_mode=2)

    found = problems_of(Seen("", DEAD_LETTER_QUEUE, properties, b"any"))

    assert [problem in text for text in found if problem] == ([True] if problem else [])


def test_a_message_that_the_test_publishes_itself_is_not_checked() -> None:
    properties = spec.Basic.Properties(app_id=OWN)

    assert problems_of(Seen("telephony.events", "any", properties, b"any")) == []


def test_only_the_first_messages_of_each_type_are_sampled() -> None:
    sample = SampleCheck(of_each_type=2)

    assert [bool(sample.problems("a", b"{}")) for _ in range(3)] == [True, True, False]
    assert sample.problems("b", b"{}")


async def test_the_hook_sees_what_a_test_receives_and_tells_what_is_wrong(
    amqp_url: str, contract_check: ContractCheck
) -> None:
    event = example()
    del event["data"]["sequence"]
    async with platform_at(amqp_url) as platform:
        exchange = await platform.channel.get_exchange("telephony.events", ensure=False)
        await exchange.publish(aio_pika.Message(json.dumps(event).encode()), "any.key")
        await platform.until(lambda: platform.events)

    text = 'messages broke the contracts:\ndata: "sequence" is a required property\n    in b\'{'
    with pytest.raises(AssertionError, match=re.escape(text)):
        contract_check.close()
    contract_check.violations.clear()
