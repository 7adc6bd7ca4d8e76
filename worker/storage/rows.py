"""The rows that a batch writes; each class has the fields of the composite type of its name."""

from datetime import datetime
from typing import NamedTuple

from worker.core.lanes import Lane

__all__ = [
    "CommandRow",
    "NumberRow",
    "OperationEndRow",
    "OperationRow",
    "OutboxRow",
]


class CommandRow(NamedTuple):
    """A command for the ledger."""

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
    answer: bytes


class NumberRow(NamedTuple):
    """A number's new status and sequence; `blank` also resets its label, features and PIN."""

    phone_number: str
    status: str
    sequence: int
    blank: bool


class OperationRow(NamedTuple):
    """An operation that starts, or the aftermath of one that ends."""

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
    aftermath: str | None
    lane: Lane = Lane.INTERACTIVE


class OperationEndRow(NamedTuple):
    """The end of an operation; without an outcome if it had ended and only its steps were open."""

    phone_number: str
    outcome: str | None
    failure: str | None
    detail: str | None


class OutboxRow(NamedTuple):
    """A message for the outbox."""

    subject: str
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
    lane: Lane = Lane.INTERACTIVE
    """Of a message that follows later, the lane of its operation counts."""
