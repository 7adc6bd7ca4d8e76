"""The envelope of every message: a CloudEvents 1.0 event in structured JSON mode."""

import hashlib
import json
from functools import cache, cached_property
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from activation_contracts.values import AttributeText, Identifier, PhoneNumber, Timestamp

__all__ = [
    "CONTENT_TYPE",
    "WORKER_SOURCE",
    "Data",
    "Envelope",
    "Published",
    "Received",
    "Source",
    "omittable",
]

CONTENT_TYPE: Final = "application/cloudevents+json"
"""The AMQP content type of every message (CloudEvents structured mode)."""

WORKER_SOURCE: Final = "/telephony/activation-worker"
"""The `source` of every message that the worker publishes."""

# Code points instead of `\s`: regular expression engines disagree about white space.
Source = Annotated[
    str,
    StringConstraints(
        pattern=r"^[^\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$",
        max_length=1024,
    ),
]
"""A CloudEvents source: a URI reference without white space and control characters."""


class Data(BaseModel):
    """The payload of a message. Readers ignore unknown fields."""

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)


class Envelope(BaseModel):
    """The CloudEvents attributes.

    Readers use the body; the AMQP properties are a copy. `read` repairs an attribute that only
    travels, or leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", use_attribute_docstrings=True)

    specversion: Literal["1.0"] = "1.0"
    id: Identifier
    """Identifies the message together with `source`; a repeated message has the same id."""
    source: Source
    type: str
    subject: AttributeText | None = None
    """The phone number; of an event about an account, `account_id/site_id`."""
    time: Timestamp | None = None
    """When the event occurred (RFC 3339, with a zone)."""
    datacontenttype: Literal["application/json"] = "application/json"
    correlationid: Identifier | None = None
    """Common to all messages that follow from one command; its default is the command's id."""
    causationid: Identifier | None = None
    """The id of the message that caused this one."""
    traceparent: AttributeText | None = None
    tracestate: AttributeText | None = None
    expirytime: Timestamp | None = None
    """On commands: if the worker reads the command later than this, it refuses it."""
    partitionkey: AttributeText | None = None
    """`account_id/site_id`."""

    def encode(self) -> bytes:
        """The message body: UTF-8 JSON without the optional fields that are not set."""
        omitted: dict[str, bool | dict[str, bool]] = {**_absent(self)}
        data = getattr(self, "data", None)
        if isinstance(data, Data):
            omitted["data"] = _absent(data)
        return self.model_dump_json(exclude=omitted).encode()


@cache
def omittable(model: type[BaseModel]) -> frozenset[str]:
    """The names of the fields that `encode` omits if they are None; it writes others as null."""
    return frozenset(
        name
        for name, field in model.model_fields.items()
        if not field.is_required() and field.default is None
    )


def _absent(model: BaseModel) -> dict[str, bool]:
    fields = model.__dict__
    return {name: True for name in omittable(type(model)) if fields[name] is None}


class Published(Envelope):
    """A message that the worker publishes: these attributes are always present."""

    source: Source = WORKER_SOURCE
    subject: PhoneNumber
    time: Timestamp
    correlationid: Identifier
    causationid: Identifier
    partitionkey: Annotated[str, Field(examples=["acme/london-1"])]


class Received(Envelope):
    """The common part of all messages that the worker receives."""

    SHOWS_VALUES: ClassVar[bool] = True
    """Whether the description of a read error may quote values of the payload: not if one of them
    may be a secret in the wrong field."""

    data: Data

    @cached_property
    def fingerprint(self) -> str:
        """A hash of type and payload, in hexadecimal: equal if a message is repeated.

        The envelope is not part of it: a repeat may have another time, trace or expiry.
        """
        # Without absent fields: an optional field that a later version adds changes no hash.
        content = {"type": self.type, **self.data.model_dump(exclude_none=True)}
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()
