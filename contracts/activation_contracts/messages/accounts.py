"""Events about an account at a site."""

from typing import Literal

from activation_contracts.envelope import Data, Published
from activation_contracts.guidance import Guidance
from activation_contracts.messages.events import Entitlement
from activation_contracts.values import AccountAtSite, AccountId, SiteId

__all__ = ["EntitlementData", "EntitlementExceeded", "EntitlementRestored"]


class EntitlementData(Data):
    """The account, the site, and the arithmetic."""

    account_id: AccountId
    site_id: SiteId
    entitlement: Entitlement


class EntitlementExceeded(Published):
    """An account uses more numbers at a site than services are in force; nobody is cut off."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when=(
            "Voice services of an account at a site were removed or have ended, and more numbers "
            "are in use than services are left. Once for each shortage, within seconds."
        ),
        repeats=(
            "It may come twice, with the same `id`. It has no `sequence`, and no place in the "
            "order of the numbers' events."
        ),
        receiver=(
            "No number is cut off, but every activation is refused with `ENTITLEMENT_EXHAUSTED`. "
            "Tell the account; it deactivates numbers or buys services."
        ),
    )

    type: Literal["telephony.account.entitlement_exceeded.v1"] = (
        "telephony.account.entitlement_exceeded.v1"
    )
    subject: AccountAtSite
    data: EntitlementData


class EntitlementRestored(Published):
    """What an account uses at a site fits the services in force again."""

    GUIDANCE = Guidance(
        sender="The worker.",
        when="A shortage has ended: a service was added, or numbers were deactivated.",
        repeats=(
            "It may come twice, with the same `id`. It follows the "
            "`telephony.account.entitlement_exceeded.v1` of its account and site."
        ),
        receiver="Withdraw what you said of the shortage.",
    )

    type: Literal["telephony.account.entitlement_restored.v1"] = (
        "telephony.account.entitlement_restored.v1"
    )
    subject: AccountAtSite
    data: EntitlementData
