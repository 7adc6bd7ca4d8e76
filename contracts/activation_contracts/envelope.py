"""The envelope of every message: a CloudEvents 1.0 event in structured JSON mode."""

import hashlib
import json
from functools import cache, cached_property
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic_core import to_json

from activation_contracts.described import Described
from activation_contracts.guidance import Guidance
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
        pattern=r"^[^\x00-\x20\x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+$",
        max_length=1024,
    ),
    Described(
        "A CloudEvents source: a URI reference without white space and control characters.",
        name="Source",
        examples=("/web-tier",),
        one_line=True,
    ),
]


class Data(BaseModel):
    """The payload of a message. Readers ignore unknown fields."""

    # Validators are built when they are first used: no program uses them all, and building them at
    # import takes a third of its time.
    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)


class Envelope(BaseModel):
    """The CloudEvents attributes.

    Readers use the body; the AMQP properties are a copy. `read` repairs an attribute that only
    travels, or leaves it out.
    """

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    GUIDANCE: ClassVar[Guidance]
    """Of a message: when it is sent, what may repeat, and what its receiver does."""

    specversion: Literal["1.0"] = "1.0"
    """The version of CloudEvents."""
    id: Identifier
    """Identifies the message together with `source`; a repeated message has the same id."""
    source: Source
    """The system that publishes the message."""
    type: str
    """The type of the message, with its version."""
    subject: AttributeText | None = None
    """The phone number; of an event about an account, `account_id/site_id`."""
    time: Timestamp | None = None
    """When the event occurred."""
    datacontenttype: Literal["application/json"] = "application/json"
    """The media type of `data`."""
    correlationid: Identifier | None = None
    """Common to all messages that follow from one command; its default is the command's id."""
    causationid: Identifier | None = None
    """The id of the message that caused this one."""
    traceparent: AttributeText | None = None
    """The position in a distributed trace (W3C Trace Context)."""
    tracestate: AttributeText | None = None
    """What systems add to the trace (W3C Trace Context)."""
    partitionkey: AttributeText | None = None
    """`account_id/site_id`."""

    def encode(self) -> bytes:
        """The message body: UTF-8 JSON without the optional fields that are not set."""
        omitted: dict[str, bool | dict[str, bool]] = {**_absent(self)}
        data = getattr(self, "data", None)
        if isinstance(data, Data):
            omitted["data"] = _absent(data)
        return to_json(self, exclude=omitted)


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
    partitionkey: str


class Received(Envelope):
    """The common part of all messages that the worker receives."""

    SHOWS_VALUES: ClassVar[bool] = True
    """Whether the description of a read error may quote values of the payload: not if one of them
    may be a secret in the wrong field."""
    ONLY_IN_DATA: ClassVar[frozenset[str]] = frozenset()
    """Fields of the payload that may not stand beside it: the command would do what it must not."""
    ONLY_BESIDE_DATA: ClassVar[frozenset[str]] = frozenset()
    """Optional attributes that may not stand in the payload or in the headers alone: likewise."""

    expirytime: Timestamp | None = None
    """On commands: if the worker reads the command later than this, it refuses it."""
    data: Data
    """The payload."""

    @cached_property
    def fingerprint(self) -> str:
        """A hash of type and payload, in hexadecimal: equal if a message is repeated.

        The envelope is not part of it: a repeat may have another time, trace or expiry.
        """
        content = {"type": self.type, **self._compared()}
        return hashlib.blake2b(json.dumps(content).encode(), digest_size=16).hexdigest()

    def _compared(self) -> dict[str, Any]:
        # Without absent fields: an optional field that a later version adds changes no hash.
        return self.data.model_dump(exclude_none=True)
