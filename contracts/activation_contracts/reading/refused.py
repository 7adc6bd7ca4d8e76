"""What is refused: messages that are not read, each with its code and what to send instead."""

import gzip
import json
from typing import Final, NamedTuple

from activation_contracts.reading.decoding import BODY_MAXIMUM_BYTES
from activation_contracts.reading.errors import ReadErrorCode
from activation_contracts.reading.examples import (
    DATA,
    PLAIN,
    Sent,
    binary_mode,
    changed,
    changed_each,
    without,
)

__all__ = ["REFUSED", "Refused"]


class Refused(NamedTuple):
    """What is not read, and what to send instead."""

    what: str
    code: ReadErrorCode
    instead: str
    examples: tuple[Sent, ...]


_I: Final = ReadErrorCode.INVALID

REFUSED: Final = (
    Refused(
        "another content type",
        ReadErrorCode.CONTENT_TYPE_UNSUPPORTED,
        "JSON, with `application/cloudevents+json`",
        (Sent(PLAIN.body, "application/xml"), Sent(PLAIN.body, "application/cloudevents+avro")),
    ),
    Refused(
        f"more than {BODY_MAXIMUM_BYTES:,} bytes, before or after decompression",
        ReadErrorCode.BODY_TOO_LARGE,
        "less: a command has a few hundred bytes",
        (
            Sent(b" " * (BODY_MAXIMUM_BYTES + 1)),
            Sent(gzip.compress(b" " * 10_000_000), content_encoding="gzip"),
        ),
    ),
    Refused(
        "another content encoding, two compressions, or a body that is not what its encoding says",
        ReadErrorCode.CONTENT_ENCODING_INVALID,
        "no compression, or gzip",
        (
            Sent(PLAIN.body, content_encoding="br"),
            Sent(PLAIN.body, content_encoding="gzip"),
            Sent(gzip.compress(PLAIN.body)[:-4], content_encoding="gzip"),
            Sent(gzip.compress(PLAIN.body) + b"more", content_encoding="gzip"),
            Sent(gzip.compress(PLAIN.body), content_encoding="gzip, gzip"),
        ),
    ),
    Refused(
        "UTF-16, Latin-1, NUL bytes, or gzip without a content encoding",
        ReadErrorCode.NOT_UTF8,
        "UTF-8",
        (
            Sent(PLAIN.body.decode().encode("utf-16")),
            Sent(PLAIN.body.decode().encode("utf-16-le")),
            Sent(PLAIN.body.replace(b"acme", b"acm\xe9")),
            Sent(PLAIN.body + b"\x00"),
            Sent(gzip.compress(PLAIN.body)),
        ),
    ),
    Refused(
        "a body that is not JSON, `NaN` and `Infinity` included",
        ReadErrorCode.NOT_JSON,
        "one JSON object",
        (Sent(b""), Sent(b"{"), Sent(PLAIN.body + PLAIN.body), changed(data=float("nan"))),
    ),
    Refused(
        "a key that occurs twice in one object, or an attribute in two headers",
        ReadErrorCode.DUPLICATE_KEY,
        "each key once",
        (
            Sent(b'{"a": {"b": 1, "b": 1}}'),
            Sent(b"{}", headers={"ce-specversion": "1.0", "ce-id": "1", "cloudEvents:id": "2"}),
        ),
    ),
    Refused(
        "JSON that is nested too deeply",
        ReadErrorCode.NESTED_TOO_DEEPLY,
        "flat data",
        (Sent(b"[" * 60_000),),
    ),
    Refused(
        "no event: no `specversion`, another one, no `type`, an array (a batch), a string",
        ReadErrorCode.NOT_A_CLOUDEVENT,
        "each event in a message of its own, with `specversion` 1.0",
        (
            without("specversion"),
            changed(specversion="0.3"),
            changed(specversion=1.0),
            without("type"),
            Sent(b"[" + PLAIN.body + b"]", "application/cloudevents-batch+json"),
            Sent(json.dumps(PLAIN.body.decode()).encode()),
            Sent(json.dumps(DATA).encode(), "application/json"),
        ),
    ),
    Refused(
        "a `type` that the queue does not serve",
        ReadErrorCode.TYPE_UNKNOWN,
        "a type that the queue serves, written as in the catalogue",
        (
            changed(type="telephony.phone_number.explode.v1"),
            changed(type=PLAIN.body.decode().upper()),
        ),
    ),
    Refused(
        "in the body, a name of an attribute with a capital, as `expiryTime` or `tenantId`; the"
        " name of a known attribute with separators, as `expiry_time`",
        _I,
        "the name in lower case, without separators",
        (
            changed(expiryTime="2026-11-24T09:00:00Z"),
            changed(expiry_time="2026-11-24T09:00:00Z"),
            changed(correlationId="1"),
            *(changed(Weather="fine"), changed(tenantId="1")),
            binary_mode(lambda name: f"ce-{name}", expiry_time="2026-11-24T09:00:00Z"),
        ),
    ),
    Refused(
        "`id` or `source` that is missing, no string, empty or too long",
        _I,
        "an id of at most 255 bytes; a URI reference",
        (
            *(without("id"), *changed_each((7, "", "x" * 256, None), "id")),
            *(without("source"), *changed_each((7, "", "two words"), "source")),
        ),
    ),
    Refused(
        "`expirytime` that is not RFC 3339 with a zone and seconds",
        _I,
        "for example `2026-11-24T09:00:00Z`",
        changed_each(
            ("2026-11-24T09:00Z", "2026-11-24T09:00:00", 1_795_510_800, "", "soon", "NaN"),
            "expirytime",
        ),
    ),
    Refused(
        "`datacontenttype` that is not JSON",
        _I,
        "JSON data",
        changed_each(("text/xml", "application/x-protobuf", 7), "datacontenttype"),
    ),
    Refused(
        "`data` that is a string, missing, or beside `data_base64`; `data_base64` that is not"
        " base64",
        _I,
        "`data` as a JSON object",
        (
            changed(data=json.dumps(DATA)),
            without("data"),
            changed(data=None),
            changed(data_base64="e30="),
            without("data", data_base64="no base64!"),
            without("data", data_base64=7),
        ),
    ),
    Refused(
        "a field of `data` that is missing or has another form or type",
        _I,
        "what the schema of the message says",
        (
            changed(data={**DATA, "phone_number": "02079460201"}),
            changed(data={**DATA, "phone_number": 442079460201}),
            changed(data={**DATA, "site_id": "London 1"}),
            changed(data={**DATA, "requested_by": "x" * 129}),
            changed(data={**DATA, "preview": "true"}),
            changed(data={**DATA, "preview": 1}),
        ),
    ),
    Refused(
        "`preview` as an attribute, beside `data` instead of in it",
        _I,
        "it in `data`: the command would be carried out",
        (
            *(changed(**{name: True}) for name in ("preview", "Preview", "pre_view")),
            binary_mode(lambda name: f"ce-{name}", preview="true"),
        ),
    ),
    Refused(
        "`preview` in `data` in another spelling, as `Preview`, `PREVIEW` or `pre-view`",
        _I,
        "`preview`: the command would be carried out",
        tuple(
            changed(data={**DATA, name: value})
            for name in ("Preview", "PREVIEW", "pre_view", "pre-view", "preView", "_preview")
            for value in (True, False)
        ),
    ),
    Refused(
        "on a command, `expirytime` in `data`, in an object such as `extensions`, or in a header"
        " beside an event that has none, in any spelling",
        _I,
        "it beside `data`: the command would be carried out after its caller's deadline",
        (
            *(
                changed(data={**DATA, name: "2026-11-24T09:00:00Z"})
                for name in ("expirytime", "expiryTime", "expiry_time", "expiry-time")
            ),
            changed(extensions={"expirytime": "2026-11-24T09:00:00Z"}),
            changed(extensions={"preview": True}),
            *(
                Sent(PLAIN.body, headers={name: "2026-11-24T09:00:00Z"})
                for name in ("expirytime", "ce-expirytime", "cloudEvents:expiryTime")
            ),
        ),
    ),
)
"""What is refused. Each example has the code of its row."""
