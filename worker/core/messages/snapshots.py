"""Builds the pages of a snapshot, with derived ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from activation_contracts.envelope import WORKER_SOURCE
from activation_contracts.messages import (
    NUMBERS_PER_PAGE,
    Report,
    ReportedNumber,
    Snapshot,
    SnapshotData,
)

from worker.core.messages.identity import derived_id
from worker.core.situation import Holder, Usage

__all__ = ["Origin", "Selection", "SnapshotFactory", "pages_of"]


class Selection(NamedTuple):
    """Which numbers are asked for: those to which all given fields apply; without any, all."""

    phone_number: str | None = None
    account_id: str | None = None
    site_id: str | None = None

    @classmethod
    def of_report(cls, report: Report) -> "Selection":
        """The numbers that a report asks for."""
        return cls(report.data.phone_number, report.data.account_id, report.data.site_id)

    @property
    def holder(self) -> Holder | None:
        """The account and site, if the numbers of one account at one site are asked for."""
        if self.account_id is None or self.site_id is None:
            return None
        return Holder(self.account_id, self.site_id)


class Origin(NamedTuple):
    """What a snapshot follows from: a report, or the decision of an operator."""

    source: str
    id: str
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None

    @classmethod
    def of_report(cls, report: Report) -> "Origin":
        """A report that was received."""
        return cls(
            source=report.source,
            id=report.id,
            correlation_id=report.correlationid or report.id,
            causation_id=report.id,
            traceparent=report.traceparent,
            tracestate=report.tracestate,
        )

    @classmethod
    def of_operator(cls, run_id: str) -> "Origin":
        """A command of an operator, whose runs have different ids."""
        return cls(WORKER_SOURCE, run_id, run_id)


def pages_of(numbers: int) -> int:
    """How many pages so many numbers fill; one if there are none."""
    return max(1, -(-numbers // NUMBERS_PER_PAGE))


@dataclass(frozen=True, slots=True)
class SnapshotFactory:
    """Builds the pages of one snapshot."""

    origin: Origin
    selection: Selection
    as_of: datetime
    numbers: int
    """How many there are on all pages together."""
    usage: Usage | None
    """Of the account at the site, if the selection has a holder."""

    @property
    def pages(self) -> int:
        """How many pages there are."""
        return pages_of(self.numbers)

    def page(self, page: int, numbers: Sequence[ReportedNumber]) -> Snapshot:
        """The page of this number, counted from 1."""
        origin, selection = self.origin, self.selection
        return Snapshot(
            # The moment, too: an answer that is given again shows another one.
            id=derived_id(origin.source, origin.id, "snapshot", str(page), self.as_of.isoformat()),
            subject=selection.phone_number,
            time=self.as_of,
            correlationid=origin.correlation_id,
            causationid=origin.causation_id,
            traceparent=origin.traceparent,
            tracestate=origin.tracestate,
            partitionkey=selection.holder.partition_key if selection.holder else None,
            data=SnapshotData(
                **selection._asdict(),
                numbers=tuple(numbers),
                entitlement=self.usage.as_contract() if self.usage else None,
                page=page,
                pages=self.pages,
                as_of=self.as_of,
            ),
        )
