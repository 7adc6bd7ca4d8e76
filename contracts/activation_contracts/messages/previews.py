"""Previews: what a command would lead to."""

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import Discriminator, Field, Tag

from activation_contracts.described import Described
from activation_contracts.envelope import Data, Published
from activation_contracts.guidance import Guidance
from activation_contracts.messages.events import Entitlement, ManualLogout, ServiceHolder
from activation_contracts.messages.pbx import (
    ExtensionResetData,
    HandsetLogoutData,
    HuntGroupMembershipData,
)
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import (
    AccountId,
    Identifier,
    NumberStatus,
    Operation,
    PhoneNumber,
    SiteId,
    Would,
)

__all__ = [
    "Previewed",
    "PreviewedData",
    "PreviewedExtensionReset",
    "PreviewedHandsetLogout",
    "PreviewedHuntGroupMembership",
    "PreviewedMessage",
    "PreviewedOther",
]


LOGOUT: Final = "(handset logout)"
MEMBERSHIP: Final = "(hunt group membership)"
RESET: Final = "(extension reset)"
OTHER: Final = "(other)"

_TAGS: Final[Mapping[str, str]] = {
    "telephony.handset.logout.v1": LOGOUT,
    "telephony.hunt_group.membership.v1": MEMBERSHIP,
    "telephony.extension.reset.v1": RESET,
}

_KNOWN: Final = {
    "description": "These have a shape of their own: " + ", ".join(f"`{it}`" for it in _TAGS) + ".",
    "enum": [*_TAGS],
}

OtherType = Annotated[
    str,
    Field(json_schema_extra={"not": _KNOWN}),
    Described("The type of a message to a PBX that a later version adds."),
]


class PreviewedHandsetLogout(Data):
    """A handset logout that a PBX would get."""

    type: Literal["telephony.handset.logout.v1"] = "telephony.handset.logout.v1"
    """Its type."""
    routing_key: str
    """Its routing key, which names the site."""
    data: HandsetLogoutData
    """Its payload, with the id of the command that would cause it."""


class PreviewedHuntGroupMembership(Data):
    """A hunt group membership that a PBX would get."""

    type: Literal["telephony.hunt_group.membership.v1"] = "telephony.hunt_group.membership.v1"
    """Its type."""
    routing_key: str
    """Its routing key, which names the site."""
    data: HuntGroupMembershipData
    """Its payload, with the id of the command that would cause it."""


class PreviewedExtensionReset(Data):
    """An extension reset that a PBX would get."""

    type: Literal["telephony.extension.reset.v1"] = "telephony.extension.reset.v1"
    """Its type."""
    routing_key: str
    """Its routing key, which names the site."""
    data: ExtensionResetData
    """Its payload, with the id of the command that would cause it."""


class PreviewedOther(Data):
    """A message of a type that a later version adds. Show its type, or ignore it."""

    type: OtherType
    """Its type."""
    routing_key: str
    """Its routing key, which names the site."""
    data: dict[str, Any]
    """Its payload."""


def _tag_of(message: object) -> str:
    """The alternative that the type names: an unknown type makes no preview unreadable."""
    found = message.get("type") if isinstance(message, Mapping) else getattr(message, "type", None)
    return _TAGS.get(found, OTHER) if isinstance(found, str) else OTHER


PreviewedMessage = Annotated[
    Annotated[PreviewedHandsetLogout, Tag(LOGOUT)]
    | Annotated[PreviewedHuntGroupMembership, Tag(MEMBERSHIP)]
    | Annotated[PreviewedExtensionReset, Tag(RESET)]
    | Annotated[PreviewedOther, Tag(OTHER)],
    Discriminator(_tag_of),
]
"""A message that a PBX would get; its type says which payload it has."""


class PreviewedData(Data):
    """How the command would be decided now, and what would follow if all goes well."""

    command_id: Identifier
    """The id of the preview: that of its command."""
    operation: Operation
    """The operation that the command requests."""
    phone_number: PhoneNumber
    """The number, as the command names it."""
    account_id: AccountId
    """The account, as the command names it."""
    site_id: SiteId
    """The site, as the command names it."""
    would: Would
    """What would become of the command."""
    code: RefusalCode | None
    """Why the command would be refused; null if it would be accepted."""
    message: str
    """For people."""
    status: NumberStatus | None
    """The status that the number would reach. Of a refusal, what the refusal would say: the present
    status, or null. Null too if the command was accepted before: it changes nothing again."""
    entitlement: Entitlement | None
    """After that; null where `status` is null."""
    messages: tuple[PreviewedMessage, ...]
    """What PBX systems would get, in this order. A later version may add types, with any `data`."""
    holders: tuple[ServiceHolder, ...] | None = None
    """On ENTITLEMENT_EXHAUSTED: as in the refusal."""
    settings_cleared: tuple[str, ...] | None = None
    """Of a deactivation: the settings that would be cleared."""
    manual_logout: tuple[ManualLogout, ...] | None = None
    """Of a deactivation: the devices at which a person would have to log the number out."""


class Previewed(Published):
    """The answer to a preview: what the command would lead to. Nothing has changed."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "A command with `preview` was read: on `telephony.events`, and at the command's "
            "`reply_to`."
        ),
        repeats=(
            "No delivery guarantee: if none comes, ask again. Two answers share an `id` only if "
            "they have the same `time` and `data`. A preview reserves nothing, so the command may "
            "be decided differently later."
        ),
        receiver="Show what a click would do. Nothing has changed.",
    )

    type: Literal["telephony.phone_number.previewed.v1"] = "telephony.phone_number.previewed.v1"
    data: PreviewedData
