"""The enumerations and value formats of the messages."""

import re
from datetime import datetime
from enum import StrEnum, unique
from typing import Annotated, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, StringConstraints

__all__ = [
    "CALL_SETTINGS",
    "EXTENSION_FEATURES",
    "LABEL",
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
]

SHORT_STRING_MAXIMUM_BYTES: Final = 255
"""The longest string that an AMQP 0-9-1 property (message id, correlation id) can carry."""


def _fits_a_short_string(text: str) -> str:
    if len(text.encode()) > SHORT_STRING_MAXIMUM_BYTES:
        message = f"must be at most {SHORT_STRING_MAXIMUM_BYTES} bytes of UTF-8"
        raise ValueError(message)
    return text


# PostgreSQL stores all characters except NUL, and one NUL would fail a whole batch.
PlainText = Annotated[str, StringConstraints(pattern=r"^[^\u0000]*$")]
"""Text without NUL characters."""

Identifier = Annotated[
    str,
    StringConstraints(pattern=r"^[^\u0000]+$", max_length=SHORT_STRING_MAXIMUM_BYTES),
    AfterValidator(_fits_a_short_string),
]
"""The id of a message: not empty, and short enough for the AMQP property that copies it."""

AttributeText = Annotated[str, StringConstraints(pattern=r"^[^\u0000]+$", max_length=1024)]
"""The text of an attribute that only travels: not empty, at most 1024 characters."""

ShortText = Annotated[str, StringConstraints(pattern=r"^[^\u0000]*$", max_length=128)]
"""Text for people, at most 128 characters."""

PhoneNumber = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
"""A phone number in E.164 form: a plus sign and 7 to 15 digits."""

AccountId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""The platform's id of an account, an operator's or an occupier's."""

SiteId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
"""The platform's id of a site (a building)."""

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


@unique
class NumberStatus(StrEnum):
    """The status of a phone number [S]; AVAILABLE is [H]."""

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
    DEACTIVATE = "deactivate"


@unique
class ChangedBy(StrEnum):
    """What changed the status of a number: an operation, or the platform's records."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"
    DIRECTORY = "directory"
    """A directory message or an import [D]."""


@unique
class Step(StrEnum):
    """A part of an operation that a PBX carries out."""

    ACTIVATION = "activation"
    """The PBX's own provisioning of the number."""
    HUNT_GROUP_MEMBERSHIP = "hunt_group_membership"
    HANDSET_LOGOUT = "handset_logout"
    EXTENSION_RESET = "extension_reset"


@unique
class StepResult(StrEnum):
    """The result of a step, as the PBX reports it."""

    DONE = "done"
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
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    """The PBX answered the last allowed attempt with `retry_later`."""
    DEADLINE_PASSED = "DEADLINE_PASSED"
    GIVEN_UP = "GIVEN_UP"
    """An operator gave up."""


@unique
class AtDeadline(StrEnum):
    """What happens if an operation is not completed at its deadline [D]."""

    BACK_TO_RESERVED = "back_to_reserved"
    """The activation fails, and its voice service is free again."""
    NEEDS_A_PERSON = "needs_a_person"
    """The number stays as it is, and an operator must decide."""


@unique
class AftermathKind(StrEnum):
    """What an operation that has ended left to do [D]."""

    HUNT_GROUP_JOIN = "hunt_group_join"
    """The number is ACTIVE and in use, and has to join a hunt group."""
    COMPENSATION = "compensation"
    """The activation failed, and the extension has to be reset: the PBX may have set it up."""


@unique
class AftermathState(StrEnum):
    """How far an aftermath is. The last three are last words: nothing follows."""

    OUTSTANDING = "outstanding"
    """It takes longer than expected; the worker asks the PBX again."""
    NEEDS_A_PERSON = "needs_a_person"
    """An operator must decide."""
    DONE = "done"
    GIVEN_UP = "given_up"
    """An operator gave up."""
    SUPERSEDED = "superseded"
    """A later operation of the number began, and does what is needed; or the number left the
    account, or was taken out of the hunt group by hand, and nothing is needed."""


@unique
class AccountKind(StrEnum):
    """The kind of an account [S]."""

    OPERATOR = "operator"
    """The landlord organisation."""
    OCCUPIER = "occupier"
    """A tenant organisation."""


@unique
class DeviceKind(StrEnum):
    """The kind of a device; only digital handsets can be logged out remotely [S][H]."""

    DIGITAL = "digital"
    ANALOGUE = "analogue"
    SOFTPHONE = "softphone"


@unique
class CallTarget(StrEnum):
    """A target to which a main number sends its calls."""

    HUNT_GROUP = "hunt_group"
    RECEPTION = "reception"
    VOICEMAIL = "voicemail"
    FORWARD = "forward"
    NONE = "none"


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
