"""Cases for a PBX that provisions numbers by PENDING events."""

from datetime import timedelta
from typing import Final

from activation_contracts.conformance import rules
from activation_contracts.conformance.cases.case import Case
from activation_contracts.conformance.requests import (
    carried_out,
    dropped,
    optional,
)
from activation_contracts.values import ChangedBy

__all__ = ["ACTIVATIONS"]

ACTIVATIONS: Final = (
    Case(
        "activation",
        "A number is provisioned before it becomes ACTIVE; its PENDING event comes again.",
        rules.PENDING_AGAIN,
        lambda make: (carried_out(make.pending(1)),) * 3,
    ),
    Case(
        "pending-deactivation",
        "A PENDING event of a deactivation requests nothing.",
        rules.ACTIVATIONS_ONLY,
        lambda make: (
            carried_out(make.pending(1)),
            dropped(make.pending(2, ChangedBy.DEACTIVATE)),
            carried_out(make.reset(2)),
        ),
    ),
    Case(
        "reset-after-the-next-activation",
        "A reset that arrives after the number's next activation is outdated.",
        rules.DROP_OLDER_RESET,
        lambda make: (
            carried_out(make.pending(2)),
            dropped(make.reset(1)),
            carried_out(make.reset(3)),
        ),
    ),
    Case(
        "withdrawn-activation",
        "An activation ended at its deadline; its PENDING event comes again after the reset.",
        rules.AFTER_THE_DEADLINE,
        lambda make: (
            carried_out(make.pending(1)),
            optional(make.reserved(2)),
            carried_out(make.reset(2)),
            dropped(make.pending(1)),
            carried_out(make.pending(3)),
        ),
    ),
    Case(
        "expired-activation",
        "A PENDING event arrives after its deadline; RESERVED and a reset follow it.",
        rules.AFTER_THE_DEADLINE,
        lambda make: (
            optional(make.pending(1, time_allowed=timedelta(minutes=-1))),
            optional(make.reserved(2)),
            carried_out(make.reset(2)),
            carried_out(make.pending(3)),
        ),
    ),
)
"""PENDING events, repeated, withdrawn and expired."""
