"""Commands: what the web tier publishes."""

from typing import Literal

from activation_contracts.envelope import Data, Received
from activation_contracts.values import AccountId, PhoneNumber, ShortText, SiteId

__all__ = [
    "Activate",
    "Command",
    "CommandData",
    "CommandMessage",
    "Deactivate",
]


class CommandData(Data):
    """The number, its account and site, and the requester."""

    phone_number: PhoneNumber
    account_id: AccountId
    """The account to which the number is allocated."""
    site_id: SiteId
    """The site at which the number is provisioned."""
    requested_by: ShortText | None = None
    """Who asks, for people. It comes back on each event."""


class CommandMessage(Received):
    """The common part of all commands."""

    data: CommandData


class Activate(CommandMessage):
    """Activate a RESERVED number of the account; consumes one voice service at the site."""

    type: Literal["telephony.phone_number.activate.v1"] = "telephony.phone_number.activate.v1"


class Deactivate(CommandMessage):
    """Deactivate an ACTIVE, unassigned number; its settings are cleared permanently."""

    type: Literal["telephony.phone_number.deactivate.v1"] = "telephony.phone_number.deactivate.v1"


Command = Activate | Deactivate
