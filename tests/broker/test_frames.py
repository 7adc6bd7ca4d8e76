"""A message in frames is what the library makes of it, byte for byte."""

from datetime import UTC, datetime
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as some
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from worker.broker.publication import Publication, framed

CHANNEL = 3
CONTENT_BYTES = 4088

texts = some.text(some.characters(exclude_categories=["Cs"]), max_size=60)
properties = some.builds(
    commands.Basic.Properties,
    **{
        name: some.none() | texts
        for name in (
            *("content_type", "content_encoding", "correlation_id", "reply_to", "expiration"),
            *("message_id", "message_type", "user_id", "app_id"),
        )
    },
    headers=some.none() | some.dictionaries(texts, texts | some.integers(0, 9), max_size=3),
    delivery_mode=some.none() | some.sampled_from([1, 2]),
    priority=some.none() | some.integers(0, 255),
    timestamp=some.none() | some.datetimes(datetime(1970, 1, 2), timezones=some.just(UTC)),  # noqa: DTZ001 -- Hypothesis adds the zone itself
    cluster_id=some.just(""),
)


def by_the_library(publication: Publication) -> bytes:
    exchange, routing_key, given_properties, body = publication
    publish = commands.Basic.Publish(exchange=exchange, routing_key=routing_key, mandatory=True)
    header = ContentHeader(body_size=len(body), properties=given_properties)
    parts = (
        ContentBody(body[start : start + CONTENT_BYTES])
        for start in range(0, len(body), CONTENT_BYTES)
    )
    return b"".join(
        (
            frame.marshal(publish, CHANNEL),
            frame.marshal(header, CHANNEL),
            *(frame.marshal(part, CHANNEL) for part in parts),
        )
    )


@given(
    some.sampled_from(["", "telephony.events"]),
    texts,
    properties,
    some.sampled_from([0, 1, CONTENT_BYTES - 1, CONTENT_BYTES, CONTENT_BYTES + 1, 10_000]),
)
def test_a_message_is_written_as_the_library_writes_it(
    exchange: str, routing_key: str, some_properties: commands.Basic.Properties, size: int
) -> None:
    publication = Publication(exchange, routing_key, some_properties, b"x" * size)

    assert framed(publication, CHANNEL, CONTENT_BYTES) == by_the_library(publication)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (
            commands.Basic.Properties(message_id="x" * 256),
            "256 bytes, more than the 255 of a short string",
        ),
        (
            commands.Basic.Properties(headers={"x": "y" * CONTENT_BYTES}),
            "more than fit into a frame",
        ),
        (commands.Basic.Properties(priority=256), "range"),
        (commands.Basic.Properties(timestamp=datetime(1969, 1, 1, tzinfo=UTC)), "int"),
        (commands.Basic.Properties(correlation_id=cast("str", 5)), "str"),
    ],
)
def test_what_cannot_be_said_is_an_error(wrong: commands.Basic.Properties, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        framed(Publication("", "key", wrong, b""), CHANNEL, CONTENT_BYTES)
