"""Previews: what a command would lead to."""

from typing import Annotated, Literal

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

__all__ = ["Previewed", "PreviewedData", "PreviewedMessage"]


PbxMessageType = Annotated[
    Literal[
        "telephony.handset.logout.v1",
        "telephony.hunt_group.membership.v1",
        "telephony.extension.reset.v1",
    ],
    Described(
        "The type of a message to a PBX: `telephony.handset.logout.v1`,"
        " `telephony.hunt_group.membership.v1` or `telephony.extension.reset.v1`.",
        name="PbxMessageType",
    ),
]


class PreviewedMessage(Data):
    """A message that a PBX would get."""

    type: PbxMessageType
    """Its type."""
    routing_key: str
    """Its routing key, which names the site."""
    data: HandsetLogoutData | HuntGroupMembershipData | ExtensionResetData
    """Its payload, with the id of the command that would cause it."""


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
    """What PBX systems would get, in this order."""
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
