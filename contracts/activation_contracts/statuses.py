"""The life of a phone number: what each status allows, and every change from one to another."""

from dataclasses import dataclass
from typing import Final, Literal

from activation_contracts.refusals import RefusalCode
from activation_contracts.values import NumberStatus

__all__ = [
    "AFTER_ACTIVE",
    "CHARGES",
    "STATUSES",
    "STATUS_CHANGES",
    "StatusChange",
    "StatusGuide",
]


@dataclass(frozen=True, slots=True)
class StatusGuide:
    """What a status allows, and what it means for those who see it."""

    status: NumberStatus
    activate: RefusalCode | None
    """The refusal of an activation; None if it is possible."""
    deactivate: RefusalCode | None
    """The refusal of a deactivation; None if it is possible."""
    edit: str
    """Whether the details of the number may be edited."""
    uses_a_service: bool
    """Whether the number consumes a voice service."""
    remarks: str


@dataclass(frozen=True, slots=True)
class StatusChange:
    """A change of the status; there is no other."""

    before: NumberStatus | None
    """None: the number is not provisioned yet."""
    after: NumberStatus
    name: str
    by: Literal["worker", "platform"]
    cause: str


_AVAILABLE, _RESERVED = NumberStatus.AVAILABLE, NumberStatus.RESERVED
_PENDING, _ACTIVE, _COOLDOWN = NumberStatus.PENDING, NumberStatus.ACTIVE, NumberStatus.COOLDOWN

STATUSES: Final = (
    StatusGuide(
        _AVAILABLE,
        activate=RefusalCode.NUMBER_NOT_ALLOCATED,
        deactivate=RefusalCode.NUMBER_NOT_ALLOCATED,
        edit="-",
        uses_a_service=False,
        remarks="The platform allocates it to an account, and it is RESERVED.",
    ),
    StatusGuide(
        _RESERVED,
        activate=None,
        deactivate=RefusalCode.NUMBER_NOT_ACTIVE,
        edit="no",
        uses_a_service=False,
        remarks=(
            "An activation needs a free voice service of the account at the site: "
            "`ENTITLEMENT_EXHAUSTED` otherwise."
        ),
    ),
    StatusGuide(
        _PENDING,
        activate=RefusalCode.NUMBER_NOT_RESERVED,
        deactivate=RefusalCode.NUMBER_NOT_ACTIVE,
        edit="no",
        uses_a_service=True,
        remarks=(
            "The event says what is awaited, until when, and what happens then. The platform's "
            "records of the number wait for the end of the operation. A failed or overdue "
            "activation goes back to RESERVED. A deactivation is never undone: where it cannot go "
            "on, the number stays PENDING until the PBX does the work after all, or an operator "
            "decides with `activation-worker resolve`."
        ),
    ),
    StatusGuide(
        _ACTIVE,
        activate=RefusalCode.NUMBER_NOT_RESERVED,
        deactivate=None,
        edit="yes",
        uses_a_service=True,
        remarks=(
            "A number that is assigned to a person is not deactivated: `NUMBER_ASSIGNED`. The "
            "platform cannot take an ACTIVE number from its account, nor delete it; it gets a "
            "`NUMBER_IN_USE` conflict. Deactivate first."
        ),
    ),
    StatusGuide(
        _COOLDOWN,
        activate=RefusalCode.NUMBER_NOT_ALLOCATED,
        deactivate=RefusalCode.NUMBER_NOT_ALLOCATED,
        edit="-",
        uses_a_service=False,
        remarks=(
            "Where the platform's record still names an account, the refusals are "
            "`NUMBER_NOT_RESERVED` and `NUMBER_NOT_ACTIVE`. The platform ends the cool-down."
        ),
    ),
)
"""In the order of the statuses. [S]; AVAILABLE is [H]."""

STATUS_CHANGES: Final = (
    StatusChange(
        _RESERVED,
        _PENDING,
        "begin activation",
        "worker",
        "An accepted `telephony.phone_number.activate.v1`.",
    ),
    StatusChange(
        _PENDING,
        _ACTIVE,
        "complete activation",
        "worker",
        "All is done that the activation waits for.",
    ),
    StatusChange(
        _PENDING,
        _RESERVED,
        "fail activation",
        "worker",
        "A PBX refused, the deadline passed, or an operator gave up.",
    ),
    StatusChange(
        _ACTIVE,
        _PENDING,
        "begin deactivation",
        "worker",
        "An accepted `telephony.phone_number.deactivate.v1`.",
    ),
    StatusChange(
        _PENDING,
        _RESERVED,
        "complete deactivation",
        "worker",
        "PBX systems have done their steps, or an operator decided. The settings are cleared.",
    ),
    StatusChange(
        None, _AVAILABLE, "provision", "platform", "The first record of the number, no account."
    ),
    StatusChange(
        None, _RESERVED, "provision", "platform", "The first record of the number, with an account."
    ),
    StatusChange(
        None, _ACTIVE, "provision", "platform", "The first record says that it is in use already."
    ),
    StatusChange(None, _COOLDOWN, "provision", "platform", "The first record says that it rests."),
    StatusChange(
        _AVAILABLE, _RESERVED, "allocate", "platform", "The record names an account from now on."
    ),
    StatusChange(
        _RESERVED, _AVAILABLE, "deallocate", "platform", "The record names no account any more."
    ),
    StatusChange(_AVAILABLE, _COOLDOWN, "rest", "platform", "The record has the status COOLDOWN."),
    StatusChange(
        _RESERVED,
        _COOLDOWN,
        "deallocate and rest",
        "platform",
        "The record has the status COOLDOWN.",
    ),
    StatusChange(
        _COOLDOWN, _AVAILABLE, "end cool-down", "platform", "The record has the status AVAILABLE."
    ),
)
"""The worker's own changes first. [S] for activation and deactivation, otherwise [D]."""

AFTER_ACTIVE: Final = (
    (
        "If the account's main number at the site is ACTIVE and any of its call settings goes to "
        "its in-space hunt group, the number joins that group: PBX systems get "
        "`telephony.hunt_group.membership.v1` with `add`. A PBX that does not do it leaves the "
        "number ACTIVE; `telephony.phone_number.aftermath.v1` tells of the outstanding join. A "
        "main number never joins its own group."
    ),
    (
        "Nothing is sent to a handset. People log the number in at a device, and the platform "
        "says so (`telephony.directory.handset_login.v1`)."
    ),
    (
        "The platform may assign the number to a user or team member, and edit its details "
        "(`telephony.directory.phone_number.v1`)."
    ),
    (
        "A later deactivation needs the number unassigned. It clears the settings for good: the "
        "next activation gives a blank number."
    ),
)
"""What comes next [S][D]."""

CHARGES: Final = (
    (
        "An account pays for the voice services that it has bought for a site, not for the "
        "status of a number. Other systems bill; no message here is a bill."
    ),
    (
        "An activation changes no charge: it uses a voice service that was bought before, and is "
        "refused where none is free."
    ),
    (
        "A deactivation ends no charge. At RESERVED, not before, its voice service is free for "
        "another number; it stays bought."
    ),
    (
        "Only what happens to the voice service itself can end or change a charge: the platform "
        "removes it, changes its quantity, or its last day passes "
        "(`telephony.directory.voice_service.v1`). That cuts off no number: those in use stay "
        "ACTIVE, new activations are refused, and the shortage is published "
        "(`telephony.account.entitlement_exceeded.v1`)."
    ),
)
"""What ends a charge, and what does not [S]."""
