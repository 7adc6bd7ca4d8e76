"""The refusals as a table: first match wins, in the order of the domain."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from contracts.messages import Activate, Command
from contracts.refusals import REFUSALS, RefusalCode
from contracts.values import NumberStatus
from worker.core.situation import Number, Situation

__all__ = ["Refused", "Request", "is_duplicate", "validate"]


class Request(NamedTuple):
    """A command, the situation that it meets, and the moment at which it is read."""

    command: Command
    situation: Situation
    now: datetime

    @property
    def activates(self) -> bool:
        """Whether the command is an activation; it is a deactivation otherwise."""
        return isinstance(self.command, Activate)


class Refused(NamedTuple):
    """The first reason that applies, and the facts behind it."""

    code: RefusalCode
    detail: str
    names_status: bool = False
    """Whether the number's state is told: only to the account that holds it."""
    names_entitlement: bool = False


def is_duplicate(question: Request) -> bool:
    """Whether the same command, with the same content, came before."""
    return question.command.fingerprint in question.situation.earlier_contents


def validate(question: Request) -> Number | Refused:
    """The number that the command may act on, or the first reason why it may not."""
    refused = _refused_by_command(question)
    if refused is not None:
        return refused
    number = question.situation.number
    if number is None:
        return _refused(RefusalCode.NUMBER_UNKNOWN)
    return (
        _refused_by_holder(question, number)
        or _refused_by_state(question, number)
        or _refused_by_entitlement(question)
        or number
    )


def _refused_by_command(question: Request) -> Refused | None:
    if question.situation.earlier_contents:
        return _refused(RefusalCode.COMMAND_ID_REUSED)
    expiry = question.command.expirytime
    if expiry is None or question.now <= expiry:
        return None
    return _refused(
        RefusalCode.COMMAND_EXPIRED,
        f"It expired at {expiry.isoformat()} and was read at {question.now.isoformat()}.",
    )


def _refused_by_holder(question: Request, number: Number) -> Refused | None:
    for applies, code in _HOLDER_CHECKS:
        if applies(question, number):
            return _refused(code)
    return None


def _refused_by_state(question: Request, number: Number) -> Refused | None:
    for applies, code in _STATE_CHECKS:
        if applies(question, number):
            return _refused(code, f"It is {number.status}.", names_status=True)
    return None


def _refused_by_entitlement(question: Request) -> Refused | None:
    usage = question.situation.usage
    if not question.activates or usage.free >= 1:
        return None
    return _refused(
        RefusalCode.ENTITLEMENT_EXHAUSTED,
        f"Limit {usage.limit}, active {usage.active}, pending {usage.pending}:"
        f" {usage.active} + {usage.pending} + 1 is more than {usage.limit}.",
        names_status=True,
        names_entitlement=True,
    )


Check = Callable[[Request, Number], bool]

_HOLDER_CHECKS: Final[tuple[tuple[Check, RefusalCode], ...]] = (
    (
        lambda question, number: number.site_id != question.command.data.site_id,
        RefusalCode.SITE_MISMATCH,
    ),
    (lambda _, number: number.account_id is None, RefusalCode.NUMBER_NOT_ALLOCATED),
    (
        lambda question, number: number.account_id != question.command.data.account_id,
        RefusalCode.ACCOUNT_MISMATCH,
    ),
)

_STATE_CHECKS: Final[tuple[tuple[Check, RefusalCode], ...]] = (
    (
        lambda question, number: question.activates and number.status is not NumberStatus.RESERVED,
        RefusalCode.NUMBER_NOT_RESERVED,
    ),
    (
        lambda question, number: (
            not question.activates and number.status is not NumberStatus.ACTIVE
        ),
        RefusalCode.NUMBER_NOT_ACTIVE,
    ),
    (
        lambda question, number: not question.activates and number.assigned_to is not None,
        RefusalCode.NUMBER_ASSIGNED,
    ),
)

_MEANINGS: Final = {refusal.code: refusal.meaning for refusal in REFUSALS}


def _refused(
    code: RefusalCode,
    facts: str = "",
    *,
    names_status: bool = False,
    names_entitlement: bool = False,
) -> Refused:
    detail = f"{_MEANINGS[code]} {facts}".rstrip()
    return Refused(code, detail, names_status, names_entitlement)
