"""Events about an account at a site."""

from typing import Literal

from activation_contracts.envelope import Data, Published
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

    type: Literal["telephony.account.entitlement_exceeded.v1"] = (
        "telephony.account.entitlement_exceeded.v1"
    )
    subject: AccountAtSite
    data: EntitlementData


class EntitlementRestored(Published):
    """What an account uses at a site fits the services in force again."""

    type: Literal["telephony.account.entitlement_restored.v1"] = (
        "telephony.account.entitlement_restored.v1"
    )
    subject: AccountAtSite
    data: EntitlementData
