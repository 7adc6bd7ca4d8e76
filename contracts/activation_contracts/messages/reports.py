"""Reports: what the web tier asks about numbers, and the snapshot that answers."""

from typing import Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from activation_contracts.envelope import WORKER_SOURCE, Data, Envelope, Received, Source
from activation_contracts.guidance import Guidance
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

    # Not "any of these is required": generators of types make a second type of each alternative.
    model_config = ConfigDict(
        json_schema_extra={"not": {"properties": dict.fromkeys(_CRITERIA, False)}}
    )

    phone_number: PhoneNumber | None = None
    """This number."""
    account_id: AccountId | None = None
    """The numbers that this account holds."""
    site_id: SiteId | None = None
    """The numbers at this site."""

    @model_validator(mode="after")
    def _require_a_criterion(self) -> Self:
        if all(getattr(self, name) is None for name in _CRITERIA):
            message = f"give at least one of {', '.join(_CRITERIA)}"
            raise ValueError(message)
        return self


class Report(Received):
    """Report the state of these numbers at `reply_to`; nothing changes."""

    GUIDANCE = Guidance(
        sender="The web tier, or any subscriber that comes late or has lost events.",
        when=(
            "You need the present state of numbers: at the start, or after a gap in `sequence`. "
            "Bind your queue to `telephony.events` before you ask, so that no change is missed. "
            "The AMQP property `reply_to` is required."
        ),
        repeats=(
            "Ask again whenever an answer does not become complete. The worker does not remember "
            "the `id`: each report is answered."
        ),
        receiver=(
            "The worker changes nothing, and answers at `reply_to` with pages of "
            "`telephony.phone_number.snapshot.v1`. Reports wait in a queue of their own and "
            "delay no command."
        ),
    )

    type: Literal["telephony.phone_number.report.v1"] = "telephony.phone_number.report.v1"
    data: ReportData


class OperationUnderWay(Data):
    """An operation that has not ended; its number is PENDING."""

    operation: Operation
    """What the command requested."""
    command_id: Identifier
    """The id of the command that requested the operation."""
    since: AwareDatetime
    """When the operation began."""
    deadline: AwareDatetime
    """When the operation counts as overdue."""
    awaiting: tuple[AwaitedStep, ...]
    """The steps that are not done yet."""
    at_deadline: AtDeadline
    """What happens at the deadline if the operation is not completed."""


class ReportedNumber(Data):
    """A number as it was at the moment of the snapshot."""

    phone_number: PhoneNumber
    account_id: AccountId | None
    """The account that holds the number; null if none does."""
    site_id: SiteId
    extension: PlainText | None
    """The internal extension; null if the number has none."""
    status: NumberStatus
    """The status at that moment."""
    sequence: int = Field(ge=0)
    """The sequence of the status. Apply only a `status_changed` that is newer."""
    main_number: bool
    """Whether it is the account's main number at the site."""
    assigned: bool
    """Whether a user or team member has the number."""
    operation: OperationUnderWay | None
    """The operation under way; null if none is."""


class SnapshotData(Data):
    """One page of the numbers, in their order; all pages show one moment."""

    phone_number: PhoneNumber | None
    """The number that was asked for; null: any."""
    account_id: AccountId | None
    """The account whose numbers were asked for; null: any."""
    site_id: SiteId | None
    """The site whose numbers were asked for; null: any."""
    numbers: tuple[ReportedNumber, ...] = Field(max_length=NUMBERS_PER_PAGE)
    """The numbers of this page; empty if there is no such number."""
    entitlement: Entitlement | None
    """The voice services of the account at the site, if the numbers of one account at one site were
    asked for; null otherwise."""
    page: int = Field(ge=1)
    """The number of this page, from 1."""
    pages: int = Field(ge=1)
    """How many pages there are."""
    as_of: AwareDatetime
    """The moment, by the clock of the database. What was stored before it is included."""


class Snapshot(Envelope):
    """A page of numbers as they were at one moment: the answer to a report, or republished."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "In answer to `telephony.phone_number.report.v1`, at its `reply_to` alone. On "
            "`telephony.events` when an operator runs `activation-worker republish`."
        ),
        repeats=(
            "No delivery guarantee: ask again if pages are missing. A worker that is killed in "
            "the middle answers again with a later `as_of`; drop the incomplete pages of an "
            "earlier one."
        ),
        receiver=(
            "Put the pages with the same `as_of` together; there are `pages` of them. Store each "
            "number with its `sequence` unless you have a newer one, and then apply newer "
            "`telephony.phone_number.status_changed.v1` events."
        ),
    )

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
