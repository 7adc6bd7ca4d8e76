"""The envelope of every message: a CloudEvents 1.0 event in structured JSON mode."""

from functools import cache
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from contracts.values import Identifier, PhoneNumber, PlainText, Timestamp

__all__ = [
    "CONTENT_TYPE",
    "WORKER_SOURCE",
    "Data",
    "Envelope",
    "Published",
    "Source",
    "omittable",
]

CONTENT_TYPE: Final = "application/cloudevents+json"
"""The AMQP content type of every message; CloudEvents calls this structured mode."""

WORKER_SOURCE: Final = "/telephony/activation-worker"
"""The `source` of everything that the worker publishes."""

# Each character by its number: what counts as white space differs between regular expressions.
Source = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$",
        max_length=1024,
    ),
]
"""A CloudEvents source: a URI reference, so without white space and control characters."""


class Data(BaseModel):
    """The payload of a message. Unknown fields are ignored on reading and never written."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Envelope(BaseModel):
    """CloudEvents attributes. A message is read from its body alone; AMQP properties mirror it."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    specversion: Literal["1.0"] = "1.0"
    id: Identifier
    """With `source`, identifies the message; a repeat carries the same id."""
    source: Source
    type: str
    subject: PlainText | None = None
    """The phone number."""
    time: Timestamp | None = None
    """When it happened (RFC 3339, with a zone)."""
    datacontenttype: Literal["application/json"] = "application/json"
    correlationid: Identifier | None = None
    """Shared by all messages of one story; a command without one uses its own id."""
    causationid: Identifier | None = None
    """The id of the message that caused this one."""
    traceparent: PlainText | None = None
    tracestate: PlainText | None = None
    expirytime: Timestamp | None = None
    """On commands: read later than this, the command is refused."""
    partitionkey: PlainText | None = None
    """`account_id/site_id`."""

    def encode(self) -> bytes:
        """The body as it is published: UTF-8 JSON; what may be absent and is, is left out."""
        left_out: dict[str, bool | dict[str, bool]] = {**_absent(self)}
        data = getattr(self, "data", None)
        if isinstance(data, Data):
            left_out["data"] = _absent(data)
        return self.model_dump_json(exclude=left_out).encode()


@cache
def omittable(model: type[BaseModel]) -> frozenset[str]:
    """The fields that are left out rather than written as null: those whose default is None."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if not field.is_required() and field.default is None
    )


def _absent(model: BaseModel) -> dict[str, bool]:
    fields = model.__dict__
    return {name: True for name in omittable(type(model)) if fields[name] is None}


class Published(Envelope):
    """What the worker itself publishes: these attributes are always there."""

    source: Source = WORKER_SOURCE
    subject: PhoneNumber
    time: Timestamp
    correlationid: Identifier
    causationid: Identifier
    partitionkey: Annotated[str, Field(examples=["acme/london-1"])]
