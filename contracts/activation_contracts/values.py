"""The enumerations and value formats of the messages."""

import re
from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

from activation_contracts.described import Described

__all__ = [
    "CALL_SETTINGS",
    "EXTENSION_FEATURES",
    "FAILURE_REMEDIES",
    "LABEL",
    "AccountAtSite",
    "AccountId",
    "AccountKind",
    "AftermathKind",
    "AftermathState",
    "AtDeadline",
    "AttributeText",
    "AwareDatetime",
    "CallTarget",
    "ChangedBy",
    "DeviceKind",
    "FailureCode",
    "Identifier",
    "NumberStatus",
    "Operation",
    "PhoneNumber",
    "PlainText",
    "ShortText",
    "SiteId",
    "Step",
    "StepResult",
    "Timestamp",
    "Would",
]

SHORT_STRING_MAXIMUM_BYTES: Final = 255
"""The longest string that an AMQP 0-9-1 property (message id, correlation id) can carry."""


def _fits_a_short_string(text: str) -> str:
    if len(text.encode()) > SHORT_STRING_MAXIMUM_BYTES:
        message = f"must be at most {SHORT_STRING_MAXIMUM_BYTES} bytes of UTF-8"
        raise ValueError(message)
    return text


# PostgreSQL stores all characters except NUL, and one NUL would fail a whole batch.
PlainText = Annotated[
    str, StringConstraints(pattern=r"^[^\x00]*$"), Described("Text without NUL characters.")
]

Identifier = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00]+$", max_length=SHORT_STRING_MAXIMUM_BYTES),
    AfterValidator(_fits_a_short_string),
    Described(
        "The id of a message: not empty, at most 255 bytes of UTF-8.",
        name="Identifier",
        examples=("8f2c1d3e-6b0a-4c55-9a77-0d6f1e2b3c41",),
    ),
]
"""Short enough for the AMQP property that copies it."""

AttributeText = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00]+$", max_length=1024),
    Described("Text that only travels: not empty, at most 1024 characters."),
]

ShortText = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00]*$", max_length=128),
    Described("Text for people, at most 128 characters."),
]

PhoneNumber = Annotated[
    str,
    StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$"),
    Described(
        "A phone number in E.164 form: a plus sign and 7 to 15 digits.",
        name="PhoneNumber",
        examples=("+442079460201",),
        one_line=True,
    ),
]

AccountId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"),
    Described(
        "The platform's id of an account, an operator's or an occupier's.",
        name="AccountId",
        examples=("acme",),
        one_line=True,
    ),
]

SiteId = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"),
    Described(
        "The platform's id of a site (a building).",
        name="SiteId",
        examples=("london-1",),
        one_line=True,
    ),
]

AccountAtSite = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}/[A-Za-z0-9_-]{1,64}$"),
    Described(
        "An account at a site: `account_id/site_id`.",
        name="AccountAtSite",
        examples=("acme/london-1",),
        one_line=True,
    ),
]

_RFC_3339: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _require_rfc_3339(value: object) -> object:
    # Pydantic also accepts a number as a time, and guesses from its size whether the unit is
    # seconds or milliseconds. An expiry must not be a guess.
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    message = "must be a date and time with a zone, as in 2026-11-24T09:00:00Z (RFC 3339)"
    raise ValueError(message)


Timestamp = Annotated[AwareDatetime, BeforeValidator(_require_rfc_3339)]
"""A moment, written as RFC 3339 with a zone."""


# Sources: all [S], but AVAILABLE [H].
@unique
class NumberStatus(StrEnum):
    """The status of a phone number."""

    AVAILABLE = "AVAILABLE"
    """Provisioned at the site, not allocated to an account."""
    RESERVED = "RESERVED"
    """Allocated to an account, not in use."""
    PENDING = "PENDING"
    """An activation or deactivation is under way; the number must not be edited."""
    ACTIVE = "ACTIVE"
    """In use; consumes one voice service."""
    COOLDOWN = "COOLDOWN"
    """Resting after it left an account."""


@unique
class Operation(StrEnum):
    """The operation that a command requests."""

    ACTIVATE = "activate"
    """Put a RESERVED number into use."""
    DEACTIVATE = "deactivate"
    """Take an ACTIVE number out of use, and clear its settings."""


@unique
class ChangedBy(StrEnum):
    """What changed the status of a number."""

    ACTIVATE = "activate"
    """An activation."""
    DEACTIVATE = "deactivate"
    """A deactivation."""
    DIRECTORY = "directory"
    """The platform's records: a directory message or an import."""


@unique
class Step(StrEnum):
    """A part of an operation that a PBX carries out."""

    ACTIVATION = "activation"
    """The PBX's own provisioning of the number."""
    HUNT_GROUP_MEMBERSHIP = "hunt_group_membership"
    """The number joins or leaves a hunt group."""
    HANDSET_LOGOUT = "handset_logout"
    """The number is logged out of a digital handset."""
    EXTENSION_RESET = "extension_reset"
    """The features of the extension are cleared, and its PIN is the default again."""


@unique
class StepResult(StrEnum):
    """The result of a step, as the PBX reports it."""

    DONE = "done"
    """Carried out."""
    ALREADY = "already"
    """The desired state existed before."""
    NOT_APPLICABLE = "not_applicable"
    """Nothing to do: this PBX has no such member, device or extension."""
    RETRY_LATER = "retry_later"
    """Not possible now; send the message again."""
    REFUSED = "refused"
    """Not possible; do not send the message again."""


@unique
class FailureCode(StrEnum):
    """Why an operation ended without success, or needs an operator."""

    PBX_REFUSED = "PBX_REFUSED"
    """The PBX answered a step with `refused`."""
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    """The PBX answered the last allowed attempt with `retry_later`."""
    DEADLINE_PASSED = "DEADLINE_PASSED"
    """The steps were not done at the deadline."""
    GIVEN_UP = "GIVEN_UP"
    """An operator gave up."""


_PBX_TEAM: Final = (
    "Send a new activation when the reason is gone. A deactivation stays PENDING until an operator "
    "decides with `activation-worker resolve`."
)

FAILURE_REMEDIES: Final[Mapping[FailureCode, str]] = {
    FailureCode.PBX_REFUSED: f"Ask the PBX team, with `step` and `pbx_code`. {_PBX_TEAM}",
    FailureCode.ATTEMPTS_EXHAUSTED: f"Ask the PBX team why it could not do the step. {_PBX_TEAM}",
    FailureCode.DEADLINE_PASSED: (
        "Look whether the PBX runs and reads its queue. Send a new activation then. A PBX is asked "
        "for a deactivation again and again, until it is done or an operator decides."
    ),
    FailureCode.GIVEN_UP: (
        "The operator has given a reason, which `activation-worker show` prints. After a "
        "deactivation the PBX may still hold the old settings."
    ),
}
"""What to do, by code."""


@unique
class AtDeadline(StrEnum):
    """What happens if an operation is not completed at its deadline."""

    BACK_TO_RESERVED = "back_to_reserved"
    """The activation fails, and its voice service is free again."""
    NEEDS_A_PERSON = "needs_a_person"
    """The number stays as it is, and an operator must decide."""


@unique
class AftermathKind(StrEnum):
    """What an operation that has ended left to do."""

    HUNT_GROUP_JOIN = "hunt_group_join"
    """The number is ACTIVE and in use, and has to join a hunt group."""
    COMPENSATION = "compensation"
    """The activation failed, and the extension has to be reset: the PBX may have set it up."""


@unique
class AftermathState(StrEnum):
    """How far an aftermath is. After `done`, `given_up` and `superseded` nothing follows."""

    OUTSTANDING = "outstanding"
    """It takes longer than expected; the worker asks the PBX again."""
    NEEDS_A_PERSON = "needs_a_person"
    """An operator must decide."""
    DONE = "done"
    """Nothing is left to do."""
    GIVEN_UP = "given_up"
    """An operator gave up."""
    SUPERSEDED = "superseded"
    """A later operation of the number began, and does what is needed; or the number left the
    account, or was taken out of the hunt group by hand, and nothing is needed."""


@unique
class Would(StrEnum):
    """What would become of a command that was previewed."""

    BE_ACCEPTED = "be_accepted"
    """It would be carried out; or it was accepted before, and a repeat has no second effect."""
    BE_REFUSED = "be_refused"
    """It would be refused, or it was refused before."""


@unique
class AccountKind(StrEnum):
    """The kind of an account."""

    OPERATOR = "operator"
    """The landlord organisation."""
    OCCUPIER = "occupier"
    """A tenant organisation."""


@unique
class DeviceKind(StrEnum):
    """The kind of a device."""

    DIGITAL = "digital"
    """A handset that a PBX can log out remotely."""
    ANALOGUE = "analogue"
    """A handset that a person must log out by hand."""
    SOFTPHONE = "softphone"
    """A program that a person must log out by hand."""


@unique
class CallTarget(StrEnum):
    """A target to which a main number sends its calls."""

    HUNT_GROUP = "hunt_group"
    """The in-space hunt group of the number."""
    RECEPTION = "reception"
    """The reception."""
    VOICEMAIL = "voicemail"
    """Voicemail."""
    FORWARD = "forward"
    """A number to which calls are forwarded."""
    NONE = "none"
    """Nowhere."""


CALL_SETTINGS: Final = "call_settings"
"""The setting that holds the call targets of a main number; a deactivation clears it [D]."""

LABEL: Final = "label"
"""The display label; a reset of the extension clears it with the features."""

EXTENSION_FEATURES: Final = (
    "authorization_code",
    "call_forwarding_always",
    "call_forwarding_busy",
    "call_forwarding_no_answer",
    "call_waiting",
    "caller_id_override",
    "do_not_disturb",
    LABEL,
    "voicemail",
    "voicemail_to_email",
)
"""The settings of an extension, sorted by name; a reset clears all of them [H][D]."""
