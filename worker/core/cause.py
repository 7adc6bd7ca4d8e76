"""What a message follows from."""

from typing import NamedTuple

__all__ = ["Cause"]


class Cause(NamedTuple):
    """The message that others follow from; its source and id are part of their ids."""

    source: str
    id: str
    correlation_id: str
    traceparent: str | None = None
    tracestate: str | None = None
