"""What is forgiven: messages that are read although they are not what the contract says."""

import base64
import gzip
import json
from datetime import UTC, datetime
from typing import Final, NamedTuple

from activation_contracts.reading.decoding import BODY_MAXIMUM_BYTES
from activation_contracts.reading.examples import (
    DATA,
    PLAIN,
    Sent,
    binary_mode,
    changed,
    changed_each,
    without,
)

__all__ = ["FORGIVEN", "Forgiven"]


class Forgiven(NamedTuple):
    """What is read although it is not what the contract says."""

    what: str
    reading: str
    examples: tuple[Sent, ...]


FORGIVEN: Final = (
    Forgiven(
        "content type `application/json`, `text/json` or `…+json`, in any case and with parameters;"
        " none; `application/octet-stream` or `text/plain`, which libraries set by themselves",
        "by its body",
        tuple(
            Sent(PLAIN.body, content_type)
            for content_type in (
                *(None, "", "application/json", "text/json; charset=utf-8", "text/plain"),
                *("Application/CloudEvents+JSON; charset=UTF-8", "application/octet-stream"),
                *("application/vnd.acme.event+json", "application/json;charset=utf-8"),
            )
        ),
    ),
    Forgiven(
        "content encoding `UTF-8`, `ascii`, `identity` or `binary`",
        "as if absent",
        tuple(
            Sent(PLAIN.body, content_encoding=name)
            for name in ("UTF-8", "utf-8", "utf8", "ascii", "identity", "binary", "")
        ),
    ),
    Forgiven(
        f"content encoding `gzip`, up to {BODY_MAXIMUM_BYTES:,} bytes decompressed",
        "decompressed",
        tuple(
            Sent(gzip.compress(PLAIN.body), content_encoding=name)
            for name in ("gzip", "GZIP", "x-gzip", "gzip:UTF-8", "gzip, utf-8")
        ),
    ),
    Forgiven(
        "a byte order mark before the body",
        "ignored",
        (Sent(b"\xef\xbb\xbf" + PLAIN.body),),
    ),
    Forgiven(
        "`data_base64` instead of `data`",
        "the JSON in it",
        (without("data", data_base64=base64.b64encode(json.dumps(DATA).encode()).decode()),),
    ),
    Forgiven(
        "binary mode: the data as body, and the attributes in headers that begin with"
        " `cloudEvents:`, `cloudEvents_`, `ce-` or `ce_`",
        "as the same event in structured mode; an event in the body counts before the headers",
        (
            binary_mode(
                lambda name: f"cloudEvents:{name}", time=datetime(2026, 11, 24, tzinfo=UTC)
            ),
            binary_mode(lambda name: f"cloudEvents_{name}", priority=7),
            binary_mode(lambda name: f"ce-{name}", subject=b"+442079460201", unknown=None),
            binary_mode(lambda name: f"Ce-{name.title()}"),
            binary_mode(lambda name: f"ce_{name}"),
        ),
    ),
    Forgiven(
        "`datacontenttype` in any case, with parameters, empty, or another JSON media type",
        "`application/json`",
        changed_each(
            ("application/json; charset=utf-8", "Application/JSON", "text/json", "a/b+json", ""),
            "datacontenttype",
        ),
    ),
    Forgiven(
        "null for an optional attribute",
        "as if absent",
        changed_each(
            (None,),
            *("subject", "time", "datacontenttype", "correlationid", "causationid", "traceparent"),
            *("tracestate", "expirytime", "partitionkey", "data_base64"),
        ),
    ),
    Forgiven(
        "`subject`, `correlationid`, `causationid`, `traceparent`, `tracestate` or `partitionkey`"
        " that is a number or a boolean",
        "as text",
        changed_each(
            (7, 1.5, True),
            *("subject", "correlationid", "causationid", "traceparent", "tracestate"),
            "partitionkey",
        ),
    ),
    Forgiven(
        "one of these that is empty, too long, an array, an object, or holds a NUL character",
        "as if absent",
        changed_each(
            ("", "x" * 2000, [7], {"a": 1}, "a\x00b", "\ud800"),
            *("subject", "correlationid", "causationid", "traceparent", "tracestate"),
            "partitionkey",
        ),
    ),
    Forgiven(
        "`time` without seconds, with a decimal comma, or with a zone like `+0100` or `+01`",
        "as the moment that it means",
        changed_each(
            (
                *("2026-11-24T09:00Z", "2026-11-24 09:00:00Z", "2026-11-24T09:00:00,5Z"),
                *("2026-11-24T09:00:00.123456789+0100", "2026-11-24T09:00+01"),
            ),
            "time",
        ),
    ),
    Forgiven(
        "any other `time`, such as one without a zone, or a number",
        "as if absent",
        changed_each(
            (
                *("yesterday", "2026-11-24T09:00:00", 1_795_510_800, "", {}, "0000-00-00T00:00Z"),
                *("2026-11-24T25:00:00Z", "2026-11-24T09:00:00+99:99"),
            ),
            "time",
        ),
    ),
    Forgiven(
        "unknown attributes whose names have no capital, as `weather`, `tenant_id` or `tenant-id`;"
        " unknown fields in `data`, whatever their names",
        "ignored",
        (
            *(changed(weather="fine"), changed(tenant_id="1"), changed(**{"tenant-id": "1"})),
            *(changed(data={**DATA, name: "blue"}) for name in ("colour", "Colour", "site-Id")),
        ),
    ),
)
"""What is forgiven. All examples are read as the command of `PLAIN`."""
