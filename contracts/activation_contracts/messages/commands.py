"""Commands: what the web tier publishes."""

from typing import Any, ClassVar, Literal

from pydantic import StrictBool
from typing_extensions import override

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
    preview: StrictBool | None = None
    """True: the worker says what the command would lead to, and does nothing."""


class CommandMessage(Received):
    """The common part of all commands."""

    ONLY_IN_DATA: ClassVar[frozenset[str]] = frozenset({"preview"})

    data: CommandData

    @override
    def _compared(self) -> dict[str, Any]:
        # A preview tells how the command itself would be decided: the ledger compares them as one.
        return self.data.model_dump(exclude_none=True, exclude={"preview"})


class Activate(CommandMessage):
    """Activate a RESERVED number of the account; consumes one voice service at the site."""

    type: Literal["telephony.phone_number.activate.v1"] = "telephony.phone_number.activate.v1"


class Deactivate(CommandMessage):
    """Deactivate an ACTIVE, unassigned number; its settings are cleared permanently."""

    type: Literal["telephony.phone_number.deactivate.v1"] = "telephony.phone_number.deactivate.v1"


Command = Activate | Deactivate
