"""Cases about the login of a number at a handset."""

from typing import Final

from activation_contracts.conformance import rules
from activation_contracts.conformance.cases.case import Case
from activation_contracts.conformance.requests import (
    carried_out,
    dropped,
)
from activation_contracts.values import DeviceKind

__all__ = ["LOGOUTS"]

LOGOUTS: Final = (
    Case(
        "logout",
        "A digital handset is logged out.",
        rules.RESULT_OF,
        lambda make: (carried_out(make.logout(1)),),
    ),
    Case(
        "logout-of-two-handsets",
        "Each handset has a sequence of its own: a late message for another one is not outdated.",
        rules.SEPARATE_SEQUENCES,
        lambda make: (
            carried_out(make.logout(2)),
            carried_out(make.logout(1, make.subject.devices[1])),
        ),
    ),
    Case(
        "logout-late",
        "A logout with a lower sequence than the last one is outdated.",
        rules.DROP_OLDER,
        lambda make: (
            carried_out(make.logout(2)),
            dropped(make.logout(1)),
            carried_out(make.logout(3)),
        ),
    ),
    Case(
        "manual-logout",
        "Analogue devices and softphones are logged out by people: the event requests nothing.",
        rules.DIGITAL_ONLY,
        lambda make: (
            dropped(make.manual_logout(1, DeviceKind.ANALOGUE)),
            dropped(make.manual_logout(1, DeviceKind.SOFTPHONE)),
            carried_out(make.pending(2)),
        ),
    ),
)
"""Logouts, remote and by hand."""
