"""The work on a batch of changes: what is held while it goes on, and what it leads to."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from activation_contracts.messages import PublishedMessage

from worker.core.cause import Cause
from worker.core.directory.change import Change, Verdict, WaitsFor
from worker.core.directory.held import Directory
from worker.core.entitlement import EntitlementChanged
from worker.core.situation import Holder, Usage

__all__ = ["Applied", "Outcome", "Work"]


class Outcome(NamedTuple):
    """A change, and its effect."""

    change: Change
    verdict: Verdict
    detail: str = ""
    """For people: why it waits, or what it contradicts."""
    waits_for: WaitsFor | None = None


@dataclass(slots=True)
class Applied:
    """What a batch of changes leads to."""

    directory: Directory
    """What is held afterwards."""
    outcomes: list[Outcome] = field(default_factory=list)
    """Of the changes that came, and of those that had waited, in the order of application."""
    messages: list[PublishedMessage] = field(default_factory=list)
    """To publish, in this order."""
    logged_out: list[tuple[str, str]] = field(default_factory=list)
    """The number and device of each login that the platform says is gone."""
    affected: dict[Holder, Cause] = field(default_factory=dict)
    """The accounts whose services or numbers in use have changed, and by what last."""
    shortages: list[EntitlementChanged] = field(default_factory=list)
    """The shortages of these accounts that began or ended; they are among the messages."""


class Work:
    """A batch that is being applied; it changes its own copy of what is held."""

    def __init__(self, directory: Directory, now: datetime) -> None:
        self.applied = Applied(directory.copy())
        self.directory = self.applied.directory
        self.now = now

    def note(
        self,
        change: Change,
        verdict: Verdict,
        detail: str = "",
        waits_for: WaitsFor | None = None,
    ) -> None:
        """What became of this change."""
        self.applied.outcomes.append(Outcome(change, verdict, detail, waits_for))

    def drop_waiting(self, phone_number: str, *reasons: WaitsFor) -> None:
        """Drops what waits for these reasons: it ends with the number, or with its account.

        The versions are remembered, so that a repeat does not bring it to the next holder.
        """
        items = self.directory.waiting.pop(phone_number, [])
        kept = [item for item in items if item.waits_for not in reasons]
        if kept:
            self.directory.waiting[phone_number] = kept
        for change in (item.change for item in items if item.waits_for in reasons):
            known = self.directory.versions.get(change.id)
            if change.version is not None and (known is None or known < change.version):
                self.directory.versions[change.id] = change.version
            self.note(change, Verdict.OUTDATED, "what it waited for has ended")

    def usage_of(self, holder: Holder) -> Usage:
        """What the account uses at the site, and what it has bought there."""
        return self.directory.usages.get(holder, Usage(0))

    def affect(self, holder: Holder, usage: Usage, cause: Cause) -> None:
        """The account uses or has this from now on, because of this cause."""
        self.directory.usages[holder] = usage
        self.applied.affected[holder] = cause
