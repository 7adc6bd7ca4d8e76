"""Every reason for which a command is refused, in the order in which they are looked for."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

__all__ = ["REFUSALS", "Refusal", "RefusalCode"]


@unique
class RefusalCode(StrEnum):
    """Stable codes for machines; the first that applies is given."""

    COMMAND_ID_REUSED = "COMMAND_ID_REUSED"
    COMMAND_EXPIRED = "COMMAND_EXPIRED"
    NUMBER_UNKNOWN = "NUMBER_UNKNOWN"
    SITE_MISMATCH = "SITE_MISMATCH"
    NUMBER_NOT_ALLOCATED = "NUMBER_NOT_ALLOCATED"
    ACCOUNT_MISMATCH = "ACCOUNT_MISMATCH"
    NUMBER_NOT_RESERVED = "NUMBER_NOT_RESERVED"
    NUMBER_NOT_ACTIVE = "NUMBER_NOT_ACTIVE"
    NUMBER_ASSIGNED = "NUMBER_ASSIGNED"
    ENTITLEMENT_EXHAUSTED = "ENTITLEMENT_EXHAUSTED"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refusal means, and what the one who asked can do about it."""

    code: RefusalCode
    meaning: str
    remedy: str


REFUSALS: Final = (
    Refusal(
        RefusalCode.COMMAND_ID_REUSED,
        "The same command id came before with different content.",
        "Give every new command an id of its own; repeat an id only with the same content.",
    ),
    Refusal(
        RefusalCode.COMMAND_EXPIRED,
        "The command was read after its expiry time.",
        "Ask again if it is still wanted; look at the worker's backlog if this happens often.",
    ),
    Refusal(
        RefusalCode.NUMBER_UNKNOWN,
        "The number is not provisioned.",
        "Check the number; provision it at the site first.",
    ),
    Refusal(
        RefusalCode.SITE_MISMATCH,
        "The number belongs to another site.",
        "Name the site at which the number is provisioned; a number works nowhere else.",
    ),
    Refusal(
        RefusalCode.NUMBER_NOT_ALLOCATED,
        "No account holds the number.",
        "Allocate the number to the account first.",
    ),
    Refusal(
        RefusalCode.ACCOUNT_MISMATCH,
        "Another account holds the number.",
        "Choose a number that is allocated to this account.",
    ),
    Refusal(
        RefusalCode.NUMBER_NOT_RESERVED,
        "Only a RESERVED number can be activated.",
        "ACTIVE: nothing is left to do. PENDING: wait for the outcome. COOLDOWN: choose another.",
    ),
    Refusal(
        RefusalCode.NUMBER_NOT_ACTIVE,
        "Only an ACTIVE number can be deactivated.",
        "RESERVED: nothing is left to do. PENDING: wait for the outcome, then ask again.",
    ),
    Refusal(
        RefusalCode.NUMBER_ASSIGNED,
        "A person has the number.",
        "Unassign the number from the user or team member first.",
    ),
    Refusal(
        RefusalCode.ENTITLEMENT_EXHAUSTED,
        "No voice service is free.",
        "Deactivate a number of the account at this site, or add a voice service.",
    ),
)
"""The refusal table of the domain: first match wins, in this order."""
