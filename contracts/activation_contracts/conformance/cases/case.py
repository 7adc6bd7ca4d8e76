"""One case: what a worker sends to a PBX, and what the PBX has to report."""

from collections.abc import Callable
from dataclasses import dataclass

from activation_contracts.conformance.request_factory import RequestFactory
from activation_contracts.conformance.requests import Request
from activation_contracts.conformance.rules import Rule

__all__ = ["Case", "Requests"]

Requests = tuple[Request, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """Messages for one number, in order, and the rule that they check."""

    name: str
    meaning: str
    rule: Rule
    requests: Callable[[RequestFactory], Requests]
    restarts_the_pbx: bool = False
    """Whether the PBX is killed and started after the last message."""
