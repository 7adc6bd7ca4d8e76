"""Hostile inputs: random ones, and valid ones that were damaged."""

import gzip
import json
from collections.abc import Container, Mapping, Sequence
from typing import Any

from activation_contracts.examples import EXAMPLES
from hypothesis import strategies as st
from pamqp import encode

__all__ = [
    "ANY_TYPE",
    "amqp_tables",
    "bodies",
    "content_types",
    "damaged",
    "encodings",
    "headers",
    "import_lines",
    "texts",
    "urls",
]

ANY_TYPE = {example.type for example in EXAMPLES.values()}
PLACE = {"account_id": "acme", "site_id": "london"}
RECORDS = (
    {
        **PLACE,
        "kind": "voice_service",
        "service_id": "s",
        "account_kind": "occupier",
        "quantity": 1,
    },
    {**PLACE, "kind": "phone_number", "phone_number": "+442079460201", "status": "RESERVED"},
    {"kind": "hunt_group_member", "phone_number": "+442079460201", "hunt_group_id": "sales"},
)
"""Lines that an import takes."""

texts = st.text(max_size=200)
usual_types = st.sampled_from(["application/cloudevents+json", "application/json", None])
content_types = (
    usual_types
    | usual_types
    | st.sampled_from(["application/json; charset=utf-16", "text/plain", ""])
    | texts
)
encodings = st.one_of(*[st.none()] * 6, st.sampled_from(["gzip", "deflate", "identity"]), texts)

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda values: st.lists(values, max_size=4) | st.dictionaries(texts, values, max_size=4),
    max_leaves=20,
)
headers: st.SearchStrategy[Mapping[str, Any]] = st.dictionaries(
    st.sampled_from(["ce-id", "cloudEvents:type", "ce-time", "x-death", "x-error-code"]) | texts,
    json_values,
    max_size=5,
)


@st.composite
def damaged(draw: st.DrawFn, intact: st.SearchStrategy[bytes]) -> bytes:
    """Bytes of which some are cut out, changed or doubled."""
    content = bytearray(draw(intact))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 20)))
        content[start:end] = draw(st.binary(max_size=6) | st.just(bytes(content[start:end]) * 2))
    return bytes(content)


@st.composite
def rearranged(draw: st.DrawFn, examples: Sequence[bytes]) -> bytes:
    """An example with other values, more members, or fewer."""
    event = json.loads(draw(st.sampled_from(examples)))
    for part in (event["data"], event):
        for name in draw(st.lists(st.sampled_from([*part]) | texts, max_size=2)):
            part[name] = draw(json_values)
        for name in draw(st.lists(st.sampled_from([*part]), max_size=1)):
            del part[name]
    return json.dumps(event).encode()


def bodies(types: Container[str] = ANY_TYPE) -> st.SearchStrategy[bytes]:
    """Bodies of messages: examples of these types, damaged and rearranged ones, and any bytes."""
    examples = [example.encode() for example in EXAMPLES.values() if example.type in types]
    intact = st.sampled_from(examples)
    return st.one_of(
        intact,
        *(damaged(intact), damaged(intact.map(gzip.compress))),
        *[rearranged(examples)] * 3,
        st.binary(max_size=300),
        json_values.map(lambda value: json.dumps(value).encode()),
    )


def import_lines() -> st.SearchStrategy[list[bytes]]:
    """Lines of a file to import."""
    intact = st.sampled_from([json.dumps(record).encode() for record in RECORDS])
    return st.lists(intact | damaged(intact) | st.binary(max_size=80), max_size=4)


def urls(*schemes: str) -> st.SearchStrategy[str]:
    """URLs of servers, good ones and damaged ones."""
    part = st.text(st.sampled_from("ab1%40é:@/?#[],"), max_size=5) | st.just("a")
    intact = st.builds(
        "{}://{}:{}@{}{}/{}{}".format,
        *(st.sampled_from(schemes), part, part),
        st.sampled_from(["host", "[::1]", "1.2.3.4"]) | part,
        st.sampled_from(["", ":5672", ":0", ":70000"]),
        part,
        st.sampled_from(["", "?heartbeat=5", "?sslmode=require", "?timeout=0", "?cafile=/x"]),
    )
    broken = damaged(intact.map(str.encode)).map(lambda url: url.decode(errors="replace"))
    return intact | broken | texts


_fields: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.text(max_size=40),
    lambda values: (
        st.lists(values, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="ascii"), max_size=20), values, max_size=3)
    ),
    max_leaves=8,
)
_intact_tables = st.dictionaries(
    st.text(st.characters(codec="ascii"), max_size=20), _fields, max_size=4
).map(encode.field_table)


@st.composite
def amqp_tables(draw: st.DrawFn) -> bytes:
    """A header table as a publisher may send it: the length is right, the content is anything."""
    content = draw(st.binary(max_size=100) | damaged(_intact_tables.map(lambda table: table[4:])))
    return len(content).to_bytes(4, "big") + content
