"""The cases, as one table: what a worker sends to a PBX, and what the PBX has to report."""

from typing import Final

from activation_contracts.conformance.cases.activations import ACTIVATIONS
from activation_contracts.conformance.cases.case import Case
from activation_contracts.conformance.cases.content import CONTENT
from activation_contracts.conformance.cases.extensions import DEACTIVATIONS, RESETS
from activation_contracts.conformance.cases.handsets import LOGOUTS
from activation_contracts.conformance.cases.hunt_groups import MEMBERSHIPS
from activation_contracts.conformance.cases.repeats import REPEATS, RESTARTS

__all__ = ["CASES", "Case"]

CASES: Final = (
    *LOGOUTS,
    *MEMBERSHIPS,
    *RESETS,
    *DEACTIVATIONS,
    *REPEATS,
    *CONTENT,
    *ACTIVATIONS,
    *RESTARTS,
)
"""All cases, in the order in which they are reported."""
