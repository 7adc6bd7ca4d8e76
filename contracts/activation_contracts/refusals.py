"""The refusals, in the order in which the worker checks them."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

__all__ = ["REFUSALS", "Refusal", "RefusalCode"]


@unique
class RefusalCode(StrEnum):
    """Stable codes for programs. The first code that applies is given."""

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
    """What a refusal means, and what the requester can do."""

    code: RefusalCode
    meaning: str
    remedy: str


REFUSALS: Final = (
    Refusal(
        RefusalCode.COMMAND_ID_REUSED,
        "The command id was used before with different content.",
        "Give every new command a new id; repeat an id only with the same content.",
    ),
    Refusal(
        RefusalCode.COMMAND_EXPIRED,
        "The worker read the command after its expiry time.",
        "Send a new command if needed. If this happens often, check the worker's backlog.",
    ),
    Refusal(
        RefusalCode.NUMBER_UNKNOWN,
        "The number is not provisioned.",
        "Check the number, or provision it at the site first.",
    ),
    Refusal(
        RefusalCode.SITE_MISMATCH,
        "The number belongs to another site.",
        "Name the site at which the number is provisioned; a number can be used only there.",
    ),
    Refusal(
        RefusalCode.NUMBER_NOT_ALLOCATED,
        "No account holds the number.",
        "Allocate the number to the account first.",
    ),
    Refusal(
        RefusalCode.ACCOUNT_MISMATCH,
        "Another account holds the number.",
        "Choose a number that is allocated to your account.",
    ),
    Refusal(
        RefusalCode.NUMBER_NOT_RESERVED,
        "Only a RESERVED number can be activated.",
        "ACTIVE: nothing to do. PENDING: wait for the outcome. COOLDOWN: choose another number.",
    ),
    Refusal(
        RefusalCode.NUMBER_NOT_ACTIVE,
        "Only an ACTIVE number can be deactivated.",
        "RESERVED: nothing to do. PENDING: wait for the outcome, then send a new command.",
    ),
    Refusal(
        RefusalCode.NUMBER_ASSIGNED,
        "The number is assigned to a person.",
        "Unassign the number from the user or team member first.",
    ),
    Refusal(
        RefusalCode.ENTITLEMENT_EXHAUSTED,
        "No voice service is free.",
        (
            "Deactivate a number of the account at this site (`holders` lists up to 20), or add a "
            "voice service."
        ),
    ),
)
"""The refusal table of the domain [S][D]: the first match wins, in this order."""
