"""Rows as the statements take them: each of these is a type in PostgreSQL, field by field."""

from datetime import datetime
from typing import NamedTuple

__all__ = [
    "AskedCommand",
    "BegunOperation",
    "DecidedCommand",
    "EndedOperation",
    "MessageToSay",
    "MovedNumber",
]


class AskedCommand(NamedTuple):
    """A command, as far as its situation is looked up by it."""

    source: str
    command_id: str
    phone_number: str
    account_id: str
    site_id: str


class DecidedCommand(NamedTuple):
    """What the ledger keeps of a command."""

    source: str
    command_id: str
    fingerprint: str
    original: bool
    operation: str
    phone_number: str
    account_id: str
    site_id: str
    requested_by: str | None
    correlation_id: str
    outcome: str
    refusal: str | None
    detail: str | None


class MovedNumber(NamedTuple):
    """A number in its new status."""

    phone_number: str
    status: str
    sequence: int
    blank: bool
    """Whether its settings are cleared."""


class BegunOperation(NamedTuple):
    """An operation that is under way from now on."""

    phone_number: str
    operation: str
    command_source: str
    command_id: str
    fingerprint: str
    correlation_id: str
    requested_by: str | None
    traceparent: str | None
    tracestate: str | None
    since: datetime
    at_risk_at: datetime
    deadline: datetime


class EndedOperation(NamedTuple):
    """An operation that has ended; without an outcome where the ledger knows it already."""

    phone_number: str
    outcome: str | None
    failure: str | None
    detail: str | None


class MessageToSay(NamedTuple):
    """A message on its way out."""

    phone_number: str
    holds_operation: bool
    awaited: bool
    ordered: bool
    message_id: str
    message_type: str
    exchange: str
    routing_key: str
    correlation_id: str
    must_be_routed: bool
    body: bytes
