"""Commands: what the web tier publishes."""

from typing import Any, ClassVar, Literal

from pydantic import StrictBool
from typing_extensions import override

from activation_contracts.envelope import Data, Received
from activation_contracts.guidance import Guidance
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
    """Who asks, for people. It comes back in `status_changed`, `operation_delayed`,
    `operation_failed` and `aftermath`."""
    preview: StrictBool | None = None
    """True: the worker says what the command would lead to, and does nothing."""


class CommandMessage(Received):
    """The common part of all commands."""

    ONLY_IN_DATA: ClassVar[frozenset[str]] = frozenset({"preview"})
    ONLY_BESIDE_DATA: ClassVar[frozenset[str]] = frozenset({"expirytime"})

    data: CommandData

    @override
    def _compared(self) -> dict[str, Any]:
        # A preview tells how the command itself would be decided: the ledger compares them as one.
        return self.data.model_dump(exclude_none=True, exclude={"preview"})


class Activate(CommandMessage):
    """Activate a RESERVED number of the account; consumes one voice service at the site."""

    GUIDANCE = Guidance(
        sender="The web tier, or another system that acts for an account.",
        when=(
            "A person wants to use a number, or the platform puts it into use for an account. "
            "The number must be RESERVED: allocated to the account, and not in use. Assigning it "
            "to a person is another thing, which other systems do."
        ),
        repeats=(
            "Send it again under the same `id` and `source` if you got neither a confirm nor an "
            "answer: it is carried out once. A repeat has no second effect and publishes no "
            "event; its `reply_to` gets the first answer again. However late it is read, it is "
            "decided as things stand then, unless its `expirytime` has passed."
        ),
        receiver=(
            "The worker refuses it (`telephony.phone_number.command_rejected.v1`), or commits "
            "and publishes PENDING (`telephony.phone_number.status_changed.v1`). ACTIVE follows "
            "when all is done that the activation waits for. If it fails or its deadline passes, "
            "`telephony.phone_number.operation_failed.v1` ends the command and the number is "
            "RESERVED again. With `preview` it only answers, by "
            "`telephony.phone_number.previewed.v1`."
        ),
    )

    type: Literal["telephony.phone_number.activate.v1"] = "telephony.phone_number.activate.v1"


class Deactivate(CommandMessage):
    """Deactivate an ACTIVE, unassigned number; its settings are cleared permanently."""

    GUIDANCE = Guidance(
        sender="The web tier, or another system that acts for an account.",
        when=(
            "A number is not needed any more. It must be ACTIVE and not assigned to a user or "
            "team member: unassign it first. Its settings are lost for good."
        ),
        repeats=(
            "As for an activation: send it again under the same `id` and `source` if you got "
            "neither a confirm nor an answer. A repeat has no second effect and publishes no "
            "event; its `reply_to` gets the first answer again."
        ),
        receiver=(
            "The worker refuses it (`telephony.phone_number.command_rejected.v1`), or commits "
            "and publishes PENDING. PBX systems are told to take the number out of its hunt "
            "groups, to log it out and to reset its extension; when that is done the number is "
            "RESERVED, still allocated, and its voice service is free. A deactivation never goes "
            "back to ACTIVE: where it cannot go on, `telephony.phone_number.operation_failed.v1` "
            "asks for a person, and the number stays PENDING until then."
        ),
    )

    type: Literal["telephony.phone_number.deactivate.v1"] = "telephony.phone_number.deactivate.v1"


Command = Activate | Deactivate
