"""Cases about the membership of a number in a hunt group."""

from typing import Final

from activation_contracts.conformance import rules
from activation_contracts.conformance.cases.case import Case
from activation_contracts.conformance.requests import (
    at_once,
    carried_out,
    changed,
    dropped,
    optional,
)

__all__ = ["MEMBERSHIPS"]

MEMBERSHIPS: Final = (
    Case(
        "join",
        "A number joins a hunt group.",
        rules.RESULT_OF,
        lambda make: (carried_out(make.add(1)),),
    ),
    Case(
        "join-as-a-member",
        "A number that is a member joins by a new message: that is success.",
        rules.DESIRED_STATE,
        lambda make: (carried_out(make.add(1)), carried_out(make.add(2))),
    ),
    Case(
        "leave",
        "A number leaves a hunt group, and is not a member when it joins again.",
        rules.SUCCESS,
        lambda make: (carried_out(make.add(1)), changed(make.remove(2)), changed(make.add(3))),
    ),
    Case(
        "leave-without-membership",
        "A number that is no member leaves a hunt group: that is success.",
        rules.DESIRED_STATE,
        lambda make: (carried_out(make.remove(1)), carried_out(make.remove(2))),
    ),
    Case(
        "join-of-two-groups",
        "Each hunt group has a sequence of its own: a late message for another is not outdated.",
        rules.SEPARATE_SEQUENCES,
        lambda make: (
            carried_out(make.add(2)),
            carried_out(make.add(1, make.subject.hunt_groups[1])),
        ),
    ),
    Case(
        "remove-late",
        "A `remove` that arrives late does not undo a newer `add`.",
        rules.REPLACED,
        lambda make: (carried_out(make.add(2)), dropped(make.remove(1)), changed(make.remove(3))),
    ),
    Case(
        "add-late",
        "An `add` that arrives late does not undo a newer `remove`.",
        rules.DROP_OLDER,
        lambda make: (carried_out(make.remove(2)), dropped(make.add(1)), changed(make.add(3))),
    ),
    Case(
        "repeat-of-a-replaced-request",
        "An `add` that was carried out and then replaced by a `remove` comes again.",
        rules.DROP_OLDER,
        lambda make: (
            carried_out(make.add(1)),
            changed(make.remove(2)),
            dropped(make.add(1)),
            changed(make.add(3)),
        ),
    ),
    Case(
        "replaced-while-waiting",
        "An `add` and the `remove` that replaces it wait in the queue together.",
        rules.NO_ORDER,
        lambda make: (
            optional(make.add(1)),
            at_once(carried_out(make.remove(2))),
            changed(make.add(3)),
        ),
    ),
)
"""Joining and leaving, also late."""
