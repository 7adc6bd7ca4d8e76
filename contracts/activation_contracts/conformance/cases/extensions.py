"""Cases about the reset of an extension, and about a whole deactivation."""

from typing import Final

from activation_contracts.conformance import rules
from activation_contracts.conformance.cases.case import Case
from activation_contracts.conformance.requests import (
    at_once,
    carried_out,
    dropped,
)
from activation_contracts.values import CALL_SETTINGS, EXTENSION_FEATURES

__all__ = ["DEACTIVATIONS", "MAIN_NUMBER", "RESETS", "UNKNOWN_FEATURE"]

UNKNOWN_FEATURE: Final = tuple(sorted({*EXTENSION_FEATURES, "conformance_test"}))
MAIN_NUMBER: Final = tuple(sorted({*EXTENSION_FEATURES, CALL_SETTINGS}))

RESETS: Final = (
    Case(
        "reset",
        "All features of an extension are cleared, and its PIN is the default.",
        rules.RESULT_OF,
        lambda make: (carried_out(make.reset(1)),),
    ),
    Case(
        "reset-of-an-unknown-feature",
        "A reset also names a feature that only the platform's record of the number has.",
        rules.CLEAR,
        lambda make: (carried_out(make.reset(1, UNKNOWN_FEATURE)),),
    ),
    Case(
        "reset-of-a-main-number",
        "A reset also names the call settings of a main number.",
        rules.CALL_SETTINGS,
        lambda make: (carried_out(make.reset(1, MAIN_NUMBER)),),
    ),
    Case(
        "reset-late",
        "A reset with a lower sequence than the last one is outdated.",
        rules.DROP_OLDER,
        lambda make: (carried_out(make.reset(2)), dropped(make.reset(1))),
    ),
)
"""Resets, with each `clear`."""

DEACTIVATIONS: Final = (
    Case(
        "deactivation",
        "A number leaves its hunt groups, is logged out of its handsets, and is reset.",
        rules.NO_ORDER,
        lambda make: (
            carried_out(make.remove(1)),
            at_once(carried_out(make.remove(1, make.subject.hunt_groups[1]))),
            at_once(carried_out(make.logout(1))),
            at_once(carried_out(make.logout(1, make.subject.devices[1]))),
            at_once(carried_out(make.reset(1))),
        ),
    ),
    Case(
        "deactivation-out-of-order",
        "The messages of a deactivation arrive in the wrong order: each is complete on its own.",
        rules.NO_ORDER,
        lambda make: (
            carried_out(make.reset(1)),
            carried_out(make.logout(1)),
            carried_out(make.remove(1)),
        ),
    ),
)
"""All messages of a deactivation."""
