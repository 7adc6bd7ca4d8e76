"""Reports: what the web tier asks about numbers, and the snapshot that answers."""

from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from activation_contracts.envelope import WORKER_SOURCE, Data, Envelope, Received, Source
from activation_contracts.messages.events import AwaitedStep, Entitlement
from activation_contracts.values import (
    AccountId,
    AtDeadline,
    AttributeText,
    AwareDatetime,
    Identifier,
    NumberStatus,
    Operation,
    PhoneNumber,
    PlainText,
    SiteId,
    Timestamp,
)

__all__ = [
    "NUMBERS_PER_PAGE",
    "OperationUnderWay",
    "Report",
    "ReportData",
    "ReportedNumber",
    "Snapshot",
    "SnapshotData",
]

NUMBERS_PER_PAGE: Final = 100
"""The numbers on each page of a snapshot; on the last one perhaps fewer."""

_CRITERIA: Final = ("phone_number", "account_id", "site_id")


class ReportData(Data):
    """The numbers that are asked for: those to which all given fields apply; give at least one."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [
                {"required": [name], "properties": {name: {"type": "string"}}} for name in _CRITERIA
            ]
        }
    )

    phone_number: PhoneNumber | None = None
    account_id: AccountId | None = None
    site_id: SiteId | None = None

    @model_validator(mode="after")
    def _require_a_criterion(self) -> Self:
        if all(getattr(self, name) is None for name in _CRITERIA):
            message = f"give at least one of {', '.join(_CRITERIA)}"
            raise ValueError(message)
        return self


class Report(Received):
    """Report the state of these numbers at `reply_to`; nothing changes."""

    type: Literal["telephony.phone_number.report.v1"] = "telephony.phone_number.report.v1"
    data: ReportData


class OperationUnderWay(Data):
    """An operation that has not ended; its number is PENDING."""

    operation: Operation
    command_id: Identifier
    since: AwareDatetime
    deadline: AwareDatetime
    awaiting: tuple[AwaitedStep, ...]
    """The steps that are not done yet."""
    at_deadline: AtDeadline
    """What happens at the deadline if the operation is not completed."""


class ReportedNumber(Data):
    """A number as it was at the moment of the snapshot."""

    phone_number: PhoneNumber
    account_id: AccountId | None
    """Null: no account holds it."""
    site_id: SiteId
    extension: PlainText | None
    status: NumberStatus
    sequence: int = Field(ge=0)
    """Of the status. Apply only a `status_changed` that is newer."""
    main_number: bool
    assigned: bool
    """Whether a user or team member has it."""
    operation: OperationUnderWay | None


class SnapshotData(Data):
    """One page of the numbers, in their order; all pages show one moment."""

    phone_number: PhoneNumber | None
    """This and the next two: which numbers were asked for. Null: any."""
    account_id: AccountId | None
    site_id: SiteId | None
    numbers: tuple[ReportedNumber, ...] = Field(max_length=NUMBERS_PER_PAGE)
    """Without any where there is no such number."""
    entitlement: Entitlement | None
    """Of the account at the site, if the numbers of one account at one site were asked for."""
    page: int = Field(ge=1)
    pages: int = Field(ge=1)
    as_of: AwareDatetime
    """The moment, by the clock of the database. What was stored before it is included."""


class Snapshot(Envelope):
    """A page of numbers as they were at one moment: the answer to a report, or republished."""

    type: Literal["telephony.phone_number.snapshot.v1"] = "telephony.phone_number.snapshot.v1"
    source: Source = WORKER_SOURCE
    subject: PhoneNumber | None = None
    """The phone number, if one was asked for."""
    time: Timestamp
    correlationid: Identifier
    causationid: Identifier | None = None
    """The id of the report; absent when an operator republishes."""
    partitionkey: AttributeText | None = None
    """`account_id/site_id`, if both were asked for."""
    data: SnapshotData
