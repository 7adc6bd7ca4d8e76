"""The words and value formats that messages are made of."""

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
    "AtDeadline",
    "AwareDatetime",
    "CallTarget",
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


# PostgreSQL stores every character but NUL: one that slipped through would fail a whole batch.
PlainText = Annotated[str, StringConstraints(pattern=r"^[^\u0000]*$")]
"""Text without NUL characters."""

Identifier = Annotated[
    str,
    StringConstraints(pattern=r"^[^\u0000]+$", max_length=SHORT_STRING_MAXIMUM_BYTES),
    AfterValidator(_fits_a_short_string),
]
"""A message's id: not empty, and short enough for the AMQP property that mirrors it."""

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


def _written_out(value: object) -> object:
    # Pydantic takes a number for a time as well, and guesses from its size whether it counts
    # seconds or milliseconds: an expiry must not be a guess.
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.fullmatch(value)):
        return value
    message = "must be a date and time with a zone, as in 2026-11-24T09:00:00Z (RFC 3339)"
    raise ValueError(message)


Timestamp = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""A moment, written as RFC 3339 with a zone."""


@unique
class NumberStatus(StrEnum):
    """Where a phone number is in its life."""

    AVAILABLE = "AVAILABLE"
    """Provisioned at the site, no account."""
    RESERVED = "RESERVED"
    """Allocated to an account, not in use."""
    PENDING = "PENDING"
    """An operation is under way; nobody edits the number."""
    ACTIVE = "ACTIVE"
    """In use; consumes one voice service."""
    COOLDOWN = "COOLDOWN"
    """Resting after it left an account."""


@unique
class Operation(StrEnum):
    """What a command asks for."""

    ACTIVATE = "activate"
    DEACTIVATE = "deactivate"


@unique
class Step(StrEnum):
    """A piece of an operation that somebody outside the worker carries out."""

    ACTIVATION = "activation"
    """The PBX's own provisioning of the number."""
    HUNT_GROUP_MEMBERSHIP = "hunt_group_membership"
    HANDSET_LOGOUT = "handset_logout"
    EXTENSION_RESET = "extension_reset"


@unique
class StepResult(StrEnum):
    """What a PBX says of a step. Nothing is ever decided on free text."""

    DONE = "done"
    ALREADY = "already"
    """The wished state was there before."""
    NOT_APPLICABLE = "not_applicable"
    """There is nothing to do here: this PBX knows no such member, device or extension."""
    RETRY_LATER = "retry_later"
    """Not now; send it again."""
    REFUSED = "refused"
    """Not ever."""


@unique
class FailureCode(StrEnum):
    """Why an operation ended without success, or needs a person."""

    PBX_REFUSED = "PBX_REFUSED"
    ATTEMPTS_EXHAUSTED = "ATTEMPTS_EXHAUSTED"
    """The PBX asked for another attempt more often than is allowed."""
    DEADLINE_PASSED = "DEADLINE_PASSED"
    GIVEN_UP = "GIVEN_UP"
    """An operator decided so."""


@unique
class AtDeadline(StrEnum):
    """What happens when an operation is still not done at its deadline."""

    BACK_TO_RESERVED = "back_to_reserved"
    """The activation fails, and its voice service is free again."""
    NEEDS_A_PERSON = "needs_a_person"
    """It stays as it is, and a person is told."""
    KEEPS_TRYING = "keeps_trying"
    """The number stays in use; what is outstanding is sent again and again."""


@unique
class AccountKind(StrEnum):
    """Who an account is."""

    OPERATOR = "operator"
    """The landlord."""
    OCCUPIER = "occupier"
    """A tenant."""


@unique
class DeviceKind(StrEnum):
    """What a number is logged in at; only digital handsets can be logged out remotely."""

    DIGITAL = "digital"
    ANALOGUE = "analogue"
    SOFTPHONE = "softphone"


@unique
class CallTarget(StrEnum):
    """Where a main number sends its calls."""

    HUNT_GROUP = "hunt_group"
    RECEPTION = "reception"
    VOICEMAIL = "voicemail"
    FORWARD = "forward"
    NONE = "none"


CALL_SETTINGS: Final = "call_settings"
"""Where a main number sends its calls; cleared when it is deactivated, so that nothing rings."""

LABEL: Final = "label"
"""The display label, cleared with the features when an extension is reset."""

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
"""What people can set on an extension, sorted by name; a reset clears all of it."""
