"""The worker judges a message by its body if pamqp cannot decode a property."""

import asyncio
import json
import struct

from pamqp import decode

from tests.support.data.inserts import phone_numbers, voice_service
from tests.support.faults.amqp_wire import publish_command
from tests.support.platform import Platform
from tests.support.workers import store, working
from worker.broker.connecting.tolerant_decoding import decode_tolerantly
from worker.settings import Settings
from worker.storage.connecting.engine import Database

CONTENT_TYPE, HEADERS = 0x8000, 0x2000
CORRELATION_ID, REPLY_TO, MESSAGE_ID, TIMESTAMP = 0x0400, 0x0200, 0x0080, 0x0040


def headers(table: bytes) -> bytes:
    return struct.pack(">HI", HEADERS, len(table)) + table


def nested(levels: int) -> bytes:
    """A table within a table within a table ..."""
    table = b""
    for _ in range(levels):
        table = b"\x01aF" + struct.pack(">I", len(table)) + table
    return table


UNDECODABLE = (
    struct.pack(">HQ", TIMESTAMP, 10**17),
    struct.pack(">HQ", TIMESTAMP, 2**64 - 1),
    struct.pack(">HB", MESSAGE_ID, 1) + b"\xff",
    struct.pack(">HB", MESSAGE_ID, 255) + b"\xff" * 255,
    struct.pack(">HB", CORRELATION_ID, 2) + b"\xc3\x28",
    # Decoded, they are longer than AMQP can express: there is no reply, or a cut id.
    struct.pack(">HB", CORRELATION_ID | REPLY_TO, 255) + b"\xff" * 255 + b"\x05reply",
    struct.pack(">HB", REPLY_TO, 255) + b"\xff" * 255,
    headers(b"\x01aS" + struct.pack(">I", 40_000) + b"\xff" * 40_000),
    headers(b"\x01\xffS\x00\x00\x00\x01a"),
    headers(b"\x01aS\x00\x00\x00\x01\xff"),
    headers(b"\x01aT" + struct.pack(">Q", 2**63)),
    headers(b"\x01aF\x00\x00\x00\x07\x01\xffS\x00\x00\x00\x00"),
    headers(nested(600)),
)


def activation(place: int) -> bytes:
    number = f"+44207946{place:04}"
    command = {
        "specversion": "1.0",
        "id": f"odd-{place}",
        "source": "/tests/web-tier",
        "type": "telephony.phone_number.activate.v1",
        "data": {"phone_number": number, "account_id": "acme", "site_id": "london"},
    }
    return json.dumps(command).encode()


async def test_worker_handles_messages_with_undecodable_properties_by_their_bodies(
    database: Database, settings: Settings, platform: Platform, amqp_url: str
) -> None:
    places = range(len(UNDECODABLE))
    numbers = (f"+44207946{place:04}" for place in places)
    await store(database, voice_service(len(UNDECODABLE)), phone_numbers(*numbers))
    unreadable = [f"unreadable {place}".encode() for place in places]
    for place, properties in enumerate(UNDECODABLE):
        for body in (activation(place), unreadable[place]):
            await asyncio.to_thread(publish_command, amqp_url, properties, body)
    async with working(database, settings):
        outcomes = [await platform.outcome(f"odd-{place}") for place in places]
        letters = [await platform.dead_letter() for _ in places]

    assert outcomes == [["PENDING", "ACTIVE"]] * len(UNDECODABLE)
    assert sorted(letter.body for letter in letters) == sorted(unreadable)
    assert {letter.headers["x-error-code"] for letter in letters} == {"NOT_JSON"}


def test_the_first_of_equal_headers_counts() -> None:
    decode_tolerantly()
    table = b"\x01at\x01" + b"\x01at\x00" + b"\x01bt\x01"

    assert decode.METHODS["table"](struct.pack(">I", len(table)) + table) == (
        4 + len(table),
        {"a": True, "b": True},
    )


def test_headers_that_nest_too_deep_are_kept_as_text() -> None:
    decode_tolerantly()
    for levels in (100, 300, 1_000, 20_000):
        table = nested(levels)
        length, read = decode.METHODS["table"](struct.pack(">I", len(table)) + table)
        assert length == 4 + len(table)
        assert isinstance(read, dict)
        assert read.keys() <= {"a", "x-unreadable-headers"}


async def test_worker_dead_letters_a_command_with_an_undecodable_content_type_unchanged(
    database: Database, settings: Settings, platform: Platform, amqp_url: str
) -> None:
    properties = struct.pack(">HB", CONTENT_TYPE, 255) + b"\xff" * 255
    await asyncio.to_thread(publish_command, amqp_url, properties, b"{}")
    async with working(database, settings):
        letter = await platform.dead_letter()

    assert (letter.body, letter.headers["x-error-code"]) == (b"{}", "CONTENT_TYPE_UNSUPPORTED")
