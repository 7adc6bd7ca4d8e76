"""What is known when a decision is made. Everything here is a value; changes are copies."""

from typing import NamedTuple

from contracts.messages import Entitlement
from contracts.values import CALL_SETTINGS, LABEL, CallTarget, DeviceKind, NumberStatus
from worker.core.operation import OngoingOperation

__all__ = [
    "AccountAtSite",
    "HandsetLogin",
    "MainNumber",
    "Number",
    "Situation",
    "Usage",
]


class AccountAtSite(NamedTuple):
    """Telephony is managed for an account and a site together."""

    account_id: str
    site_id: str

    @property
    def partition_key(self) -> str:
        """`account_id/site_id`."""
        return f"{self.account_id}/{self.site_id}"


class HandsetLogin(NamedTuple):
    """A device at which a number is logged in."""

    device_id: str
    device_kind: DeviceKind


class Number(NamedTuple):
    """A provisioned phone number."""

    phone_number: str
    site_id: str
    account_id: str | None
    extension: str | None
    status: NumberStatus
    sequence: int = 0
    """Rises by one with each status change."""
    main_number: bool = False
    assigned_to: str | None = None
    label: str | None = None
    features: tuple[str, ...] = ()
    """Names of the features that are set, sorted. What they are set to is not known here."""
    has_call_settings: bool = False
    """Whether it is a main number that sends its calls somewhere."""
    hunt_groups: tuple[str, ...] = ()
    """Ids of the hunt groups of which the number is a member, sorted."""
    logins: tuple[HandsetLogin, ...] = ()
    """Sorted by device id."""
    ongoing: OngoingOperation | None = None
    """The operation under way, or one that ended and left steps outstanding."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of everything that is set and that a deactivation clears, sorted."""
        label = [LABEL] if self.label is not None else []
        call_settings = [CALL_SETTINGS] if self.has_call_settings else []
        return tuple(sorted({*self.features, *label, *call_settings}))

    def joined(self, hunt_group_id: str) -> "Number":
        """The number as a member of this hunt group too."""
        return self._replace(hunt_groups=tuple(sorted({*self.hunt_groups, hunt_group_id})))


class Usage(NamedTuple):
    """The voice services of an account at a site."""

    limit: int
    active: int = 0
    pending: int = 0

    @property
    def free(self) -> int:
        """Services that an activation may still take; negative where more are used than bought."""
        return self.limit - self.active - self.pending

    def after(self, before: NumberStatus, after: NumberStatus) -> "Usage":
        """The usage after one number changed its status."""
        return Usage(
            self.limit,
            self.active + (after is NumberStatus.ACTIVE) - (before is NumberStatus.ACTIVE),
            self.pending + (after is NumberStatus.PENDING) - (before is NumberStatus.PENDING),
        )

    def as_contract(self) -> Entitlement:
        """The same, as it stands in messages."""
        return Entitlement(limit=self.limit, active=self.active, pending=self.pending)


class MainNumber(NamedTuple):
    """The main number of an account at a site, and where its calls go."""

    phone_number: str
    status: NumberStatus
    hunt_group_id: str | None
    targets: frozenset[CallTarget] = frozenset()

    @property
    def rings_hunt_group(self) -> str | None:
        """The hunt group that a newly active number joins, if there is one."""
        if self.status is NumberStatus.ACTIVE and CallTarget.HUNT_GROUP in self.targets:
            return self.hunt_group_id
        return None


class Situation(NamedTuple):
    """Everything that one decision may look at."""

    number: Number | None
    """None: not provisioned."""
    usage: Usage
    """Of the account and site that the command names."""
    main_number: MainNumber | None = None
    """Of the account and site that hold the number."""
    earlier_contents: frozenset[str] = frozenset()
    """Fingerprints of the commands that came before under the same source and id."""
