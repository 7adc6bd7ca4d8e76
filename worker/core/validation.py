"""Validation of commands: the refusal table of the domain, as checks in its order.

The first check that applies gives the refusal. All refusals are [S] except COMMAND_ID_REUSED and
COMMAND_EXPIRED, which are [D].
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from activation_contracts.messages import Activate, Command, Deactivate
from activation_contracts.refusals import REFUSALS, RefusalCode
from activation_contracts.values import NumberStatus

from worker.core.situation import Holder, Number, Situation

__all__ = ["Refused", "Request", "validate"]


class Request(NamedTuple):
    """A command, the situation in which it is decided, and the time of the decision."""

    command: Command
    situation: Situation
    now: datetime

    @property
    def activates(self) -> bool:
        """Whether the command is an activation; otherwise it is a deactivation."""
        match self.command:
            case Activate():
                return True
            case Deactivate():
                return False

    @property
    def holder(self) -> Holder:
        """The account and site that the command names: the holder of a number it may act on."""
        data = self.command.data
        return Holder(data.account_id, data.site_id)


class Refused(NamedTuple):
    """The first refusal that applies, and which facts the reply may disclose."""

    code: RefusalCode
    detail: str
    """For people: the meaning of the code, and the facts behind it."""
    discloses_status: bool = False
    """Whether the reply contains the number's status; only the account that holds it may see it."""
    discloses_entitlement: bool = False


def validate(request: Request) -> Number | Refused:
    """The number on which the command may act, or the first refusal that applies."""
    refused = _refused_by_command(request)
    if refused is not None:
        return refused
    number = request.situation.number
    if number is None:
        return _refused(RefusalCode.NUMBER_UNKNOWN)
    return (
        _refused_by_holder(request, number)
        or _refused_by_state(request, number)
        or _refused_by_entitlement(request)
        or number
    )


def _refused_by_command(request: Request) -> Refused | None:
    if request.situation.earlier_answers:
        return _refused(RefusalCode.COMMAND_ID_REUSED)
    expiry = request.command.expirytime
    if expiry is None or request.now <= expiry:
        return None
    return _refused(
        RefusalCode.COMMAND_EXPIRED,
        f"It expired at {expiry.isoformat()} and was read at {request.now.isoformat()}.",
    )


def _refused_by_holder(request: Request, number: Number) -> Refused | None:
    for applies, code in _HOLDER_CHECKS:
        if applies(request, number):
            return _refused(code)
    return None


def _refused_by_state(request: Request, number: Number) -> Refused | None:
    for applies, code in _STATE_CHECKS:
        if applies(request, number):
            facts = f"It is {number.status}{_WHAT_NEXT.get((code, number.status), '')}."
            return _refused(code, facts, discloses_status=True)
    return None


def _refused_by_entitlement(request: Request) -> Refused | None:
    usage = request.situation.usage
    if not request.activates or usage.headroom >= 1:
        return None
    return _refused(
        RefusalCode.ENTITLEMENT_EXHAUSTED,
        f"Limit {usage.limit}, active {usage.active}, pending {usage.pending}:"
        f" {usage.active} + {usage.pending} + 1 is more than {usage.limit}.",
        discloses_status=True,
        discloses_entitlement=True,
    )


Check = Callable[[Request, Number], bool]

_HOLDER_CHECKS: Final[tuple[tuple[Check, RefusalCode], ...]] = (
    (
        lambda request, number: number.site_id != request.command.data.site_id,
        RefusalCode.SITE_MISMATCH,
    ),
    (lambda _, number: number.account_id is None, RefusalCode.NUMBER_NOT_ALLOCATED),
    (
        lambda request, number: number.account_id != request.command.data.account_id,
        RefusalCode.ACCOUNT_MISMATCH,
    ),
)

_STATE_CHECKS: Final[tuple[tuple[Check, RefusalCode], ...]] = (
    (
        lambda request, number: request.activates and number.status is not NumberStatus.RESERVED,
        RefusalCode.NUMBER_NOT_RESERVED,
    ),
    (
        lambda request, number: not request.activates and number.status is not NumberStatus.ACTIVE,
        RefusalCode.NUMBER_NOT_ACTIVE,
    ),
    (
        lambda request, number: not request.activates and number.assigned_to is not None,
        RefusalCode.NUMBER_ASSIGNED,
    ),
)

_NOTHING_LEFT: Final = ": nothing is left to do"
_WAIT: Final = ": wait for the outcome of the operation under way"
_WHAT_NEXT: Final = {
    (RefusalCode.NUMBER_NOT_RESERVED, NumberStatus.ACTIVE): _NOTHING_LEFT,
    (RefusalCode.NUMBER_NOT_RESERVED, NumberStatus.PENDING): _WAIT,
    (RefusalCode.NUMBER_NOT_RESERVED, NumberStatus.COOLDOWN): ": choose another number",
    (RefusalCode.NUMBER_NOT_ACTIVE, NumberStatus.RESERVED): _NOTHING_LEFT,
    (RefusalCode.NUMBER_NOT_ACTIVE, NumberStatus.PENDING): _WAIT,
    (RefusalCode.NUMBER_ASSIGNED, NumberStatus.ACTIVE): ": unassign it first",
}
"""What the refusal of a command by the number's status adds for people."""

_MEANINGS: Final = {refusal.code: refusal.meaning for refusal in REFUSALS}


def _refused(
    code: RefusalCode,
    facts: str = "",
    *,
    discloses_status: bool = False,
    discloses_entitlement: bool = False,
) -> Refused:
    detail = f"{_MEANINGS[code]} {facts}".rstrip()
    return Refused(code, detail, discloses_status, discloses_entitlement)
