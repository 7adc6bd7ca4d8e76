"""A publication as AMQP frames."""

from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pamqp import commands, frame

from worker.broker.publishing.publication import Publication, decode_properties, encode_properties

CHANNEL = 3
CONTENT_BYTES = 4088

characters = some.characters(exclude_categories=["Cs"])
texts = some.text(characters, max_size=60)
names = some.text(characters, max_size=32)
"""Names in a table have 128 bytes at most (AMQP 0-9-1, section 4.2.5.5)."""
properties = some.builds(
    commands.Basic.Properties,
    **{
        name: some.none() | texts
        for name in (
            *("content_type", "content_encoding", "correlation_id", "reply_to", "expiration"),
            *("message_id", "message_type", "user_id", "app_id"),
        )
    },
    headers=some.none() | some.dictionaries(names, texts | some.integers(0, 9), max_size=3),
    delivery_mode=some.none() | some.sampled_from([1, 2]),
    priority=some.none() | some.integers(0, 255),
    timestamp=some.none()
    | some.integers(1, 4_000_000_000).map(partial(datetime.fromtimestamp, tz=UTC)),
    cluster_id=some.just(""),
)


def _sent(properties: commands.Basic.Properties) -> dict[str, object]:
    return {
        name: value for name, value in dict(properties).items() if value is not None and value != ""
    }


@given(
    some.sampled_from(["", "telephony.events"]),
    texts,
    properties,
    some.sampled_from([0, 1, CONTENT_BYTES - 1, CONTENT_BYTES, CONTENT_BYTES + 1, 10_000]),
)
def test_a_marshalled_publication_is_decoded_unchanged(
    exchange: str, routing_key: str, given_properties: commands.Basic.Properties, size: int
) -> None:
    publication = Publication(exchange, routing_key, given_properties, b"x" * size)
    data = publication.marshal(CHANNEL, CONTENT_BYTES)
    frames: list[Any] = []
    while data:
        length, channel, value = frame.unmarshal(data)
        assert channel == CHANNEL
        frames.append(value)
        data = data[length:]

    publish, header, *parts = frames
    assert (publish.exchange, publish.routing_key) == (exchange, routing_key)
    assert publish.mandatory
    assert header.body_size == size
    # An empty property is not sent.
    assert _sent(header.properties) == _sent(given_properties)
    assert b"".join(part.value for part in parts) == publication.body
    assert all(len(part.value) <= CONTENT_BYTES for part in parts)


@pytest.mark.parametrize(
    ("unencodable", "words"),
    [
        (
            commands.Basic.Properties(message_id="x" * 256),
            "exceeds maximum length of 255 bytes",
        ),
        (
            commands.Basic.Properties(headers={"x": "y" * CONTENT_BYTES}),
            "more than fit into a frame",
        ),
        (commands.Basic.Properties(priority=256), "0 <= number <= 255"),
        (commands.Basic.Properties(timestamp=datetime(1969, 1, 1, tzinfo=UTC)), "int"),
        (commands.Basic.Properties(correlation_id=cast("str", 5)), "str"),
    ],
)
def test_marshal_fails_if_amqp_cannot_express_the_message(
    unencodable: commands.Basic.Properties, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        Publication("", "key", unencodable, b"").marshal(CHANNEL, CONTENT_BYTES)


@given(properties)
def test_encoded_properties_are_decoded_unchanged(original: commands.Basic.Properties) -> None:
    assert _sent(decode_properties(encode_properties(original))) == _sent(original)


def test_properties_that_amqp_cannot_express_are_an_error() -> None:
    with pytest.raises(ValueError, match="255"):
        encode_properties(commands.Basic.Properties(app_id="x" * 256))
