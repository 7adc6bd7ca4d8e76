"""The facts on which one decision is based. All values are immutable; changes are copies."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, TypeAlias

from activation_contracts.messages import HOLDERS_MAXIMUM, Entitlement, ServiceHolder
from activation_contracts.values import CALL_SETTINGS, LABEL, CallTarget, DeviceKind, NumberStatus

from worker.core.answers import Answer
from worker.core.operations.operation import OngoingOperation

__all__ = [
    "NEVER_ANSWERED",
    "HandsetLogin",
    "Holder",
    "MainNumber",
    "Number",
    "ServiceHolders",
    "Situation",
    "Usage",
    "with_holder",
]

ServiceHolders: TypeAlias = tuple[ServiceHolder, ...]
"""The first numbers that use voice services of an account at a site, as many as a refusal lists, in
the order of the numbers."""


class Holder(NamedTuple):
    """An account and a site: telephony is managed for both together [S]."""

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
    """None: not allocated to an account."""
    extension: str | None
    status: NumberStatus
    sequence: int = 0
    """Incremented by one with each change of status."""
    main_number: bool = False
    assigned_to: str | None = None
    """The user or team member who has the number."""
    label: str | None = None
    features: tuple[str, ...] = ()
    """Names of the features that are set, sorted. The worker does not know their values."""
    has_call_settings: bool = False
    """Whether the number is a main number with at least one call target."""
    hunt_groups: tuple[str, ...] = ()
    """Ids of the hunt groups of which the number is a member, sorted."""
    logins: tuple[HandsetLogin, ...] = ()
    """Sorted by device id."""
    ongoing: OngoingOperation | None = None
    """The operation under way, or one that has ended and has outstanding steps."""
    has_waiting_records: bool = False
    """Whether records of the number wait for the end of the operation."""

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of all settings that a deactivation clears, sorted."""
        label = [LABEL] if self.label is not None else []
        call_settings = [CALL_SETTINGS] if self.has_call_settings else []
        return tuple(sorted({*self.features, *label, *call_settings}))

    @property
    def holder(self) -> Holder | None:
        """The account and site that hold the number; None if no account does."""
        if self.account_id is None:
            return None
        return Holder(self.account_id, self.site_id)

    @property
    def partition_key(self) -> str:
        """`account_id/site_id`; without an account, `/site_id`."""
        return Holder(self.account_id or "", self.site_id).partition_key

    def with_hunt_group(self, hunt_group_id: str) -> "Number":
        """The number as a member of this hunt group too."""
        return self._replace(hunt_groups=tuple(sorted({*self.hunt_groups, hunt_group_id})))


class Usage(NamedTuple):
    """The voice services of an account at a site."""

    limit: int
    """The entitlement: the sum of the quantities in force today [H]."""
    active: int = 0
    pending: int = 0
    """Numbers with an operation under way, in either direction [S][D]."""
    exceeded: bool = False
    """Whether a shortage was published and its end was not."""

    @property
    def headroom(self) -> int:
        """Voice services left for activations; negative if fewer are bought than are in use."""
        return self.limit - self.active - self.pending

    @property
    def is_short(self) -> bool:
        """Whether more numbers are in use than services in force."""
        return self.headroom < 0

    def after(self, before: NumberStatus, after: NumberStatus) -> "Usage":
        """The usage after one number changed from status `before` to status `after`."""
        return Usage(
            self.limit,
            self.active + (after is NumberStatus.ACTIVE) - (before is NumberStatus.ACTIVE),
            self.pending + (after is NumberStatus.PENDING) - (before is NumberStatus.PENDING),
            self.exceeded,
        )

    def as_contract(self) -> Entitlement:
        """The usage in the form that messages use."""
        return Entitlement(limit=self.limit, active=self.active, pending=self.pending)


def with_holder(holders: ServiceHolders, number: Number) -> ServiceHolders:
    """The holders after a command for this number was accepted: it uses a service."""
    held = {holder.phone_number: holder for holder in holders}
    held[number.phone_number] = ServiceHolder(
        phone_number=number.phone_number, status=number.status
    )
    return tuple(held[phone_number] for phone_number in sorted(held)[:HOLDERS_MAXIMUM])


class MainNumber(NamedTuple):
    """The main number of an account at a site, and the targets of its calls."""

    phone_number: str
    status: NumberStatus
    hunt_group_id: str | None
    """Its in-space hunt group."""
    targets: frozenset[CallTarget] = frozenset()
    """The targets of all its call-setting slots."""

    @property
    def hunt_group_to_join(self) -> str | None:
        """The hunt group that a newly ACTIVE number joins; None if there is none [S][D]."""
        if self.status is NumberStatus.ACTIVE and CallTarget.HUNT_GROUP in self.targets:
            return self.hunt_group_id
        return None


NEVER_ANSWERED: Final[Mapping[str, Answer]] = MappingProxyType({})


class Situation(NamedTuple):
    """All facts that one decision may use."""

    number: Number | None
    """None: not provisioned."""
    usage: Usage
    """Of the account and site that the command names."""
    main_number: MainNumber | None = None
    """Of the account and site that hold the number."""
    service_holders: ServiceHolders = ()
    """Of the account and site that the command names; loaded only where no service may be free."""
    earlier_answers: Mapping[str, Answer] = NEVER_ANSWERED
    """The first answers to the earlier commands with the same source and id, by fingerprint."""
