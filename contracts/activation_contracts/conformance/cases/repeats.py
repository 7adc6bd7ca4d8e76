"""Cases about messages that come again: redelivered, or asked again after silence."""

from typing import Final

from activation_contracts.conformance import rules
from activation_contracts.conformance.cases.case import Case
from activation_contracts.conformance.requests import (
    answered,
    at_once,
    carried_out,
    optional,
)

__all__ = ["REPEATS", "RESTARTS"]

BURST_MESSAGES: Final = 50

REPEATS: Final = (
    Case(
        "repeat-of-a-logout",
        "A logout comes again under its id, twice: its result is reported each time.",
        rules.REPEATS,
        lambda make: (carried_out(make.logout(1)),) * 3,
    ),
    Case(
        "repeat-of-an-add",
        "An `add` comes again under its id, twice: its result is reported each time.",
        rules.REPEATS,
        lambda make: (carried_out(make.add(1)),) * 3,
    ),
    Case(
        "repeat-of-a-remove",
        "A `remove` comes again under its id, twice: its result is reported each time.",
        rules.REPEATS,
        lambda make: (carried_out(make.remove(1)),) * 3,
    ),
    Case(
        "repeat-of-a-reset",
        "A reset comes again under its id, twice: its result is reported each time.",
        rules.REPEATS,
        lambda make: (carried_out(make.reset(1)),) * 3,
    ),
    Case(
        "repeat-at-once",
        "A message and its repeat wait in the queue together.",
        rules.SILENCE,
        lambda make: (carried_out(make.reset(1)), at_once(optional(make.reset(1)))),
    ),
)
"""Repeats under the same id."""

RESTARTS: Final = (
    Case(
        "restart",
        "The PBX is killed while it works: the broker returns what it has not acknowledged.",
        rules.ACKNOWLEDGE,
        lambda make: tuple(
            at_once(answered(make.logout(1, f"restart-{number}")))
            for number in range(1, BURST_MESSAGES + 1)
        ),
        restarts_the_pbx=True,
    ),
)
"""What a killed PBX leaves."""
