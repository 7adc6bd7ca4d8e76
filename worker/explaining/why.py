"""Why a number is active or is not: its state now, or what ended last. Pure."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from activation_contracts.refusals import RefusalCode

from worker.core.messages.explanations import AFTERMATHS, clock_time
from worker.explaining.model import Shown, Tone
from worker.explaining.pause import intake_is_paused
from worker.explaining.services import later
from worker.runtime.counting import counted
from worker.storage.intake import Pause

__all__ = ["Verdict", "asks_for_queues", "verdict"]

ENDED_BY_ALLOCATION: Final = frozenset(
    {
        RefusalCode.NUMBER_UNKNOWN,
        RefusalCode.NUMBER_NOT_ALLOCATED,
        RefusalCode.ACCOUNT_MISMATCH,
        RefusalCode.NUMBER_NOT_RESERVED,
    }
)
"""Reasons that have gone once a number is RESERVED for the account of the command."""


class Verdict(NamedTuple):
    """Why a number is as it is."""

    tone: Tone
    headline: str
    detail: str


def verdict(shown: Shown) -> Verdict:
    """Why the number is active or is not, in a headline and a few sentences."""
    operation = shown["waiting"][0] if shown["waiting"] else None
    if operation and not operation["aftermath"]:
        found = _under_way(operation)
    else:
        found = _BY_STATUS[shown["status"]](shown)
    details = [found.detail]
    if operation and operation["aftermath"]:
        details.append(f"The {AFTERMATHS[operation['aftermath']]} is outstanding.")
        details.append(operation["explanation"])
        found = found._replace(tone=Tone.BAD if operation["needs_a_person"] else Tone.WAITING)
    if asks_for_queues(shown):
        details.append(_in_the_queues(shown))
    if shown["pause"]:
        details.append(intake_is_paused(Pause(**shown["pause"])))
    return found._replace(detail=" ".join(filter(None, details)))


def asks_for_queues(shown: Shown) -> bool:
    """Whether a command that no worker has read yet may be what the answer lacks."""
    return bool(shown["pause"]) or (shown["status"] == "RESERVED" and _ended_last(shown) is None)


def _in_the_queues(shown: Shown) -> str:
    waiting = shown["commands_waiting"]
    if waiting is None:
        return "A command for it may wait in a queue, unread."
    if waiting == 0:
        return "No command waits in a queue."
    verb, which = ("waits", "it") if waiting == 1 else ("wait", "one of them")
    return (
        f"{counted(waiting, 'command')} {verb} in the queues, and {which} may be for this number."
    )


def _under_way(operation: Shown) -> Verdict:
    doing = "activated" if operation["operation"] == "activate" else "deactivated"
    headline = f"PENDING: it is being {doing}, since {clock_time(operation['since'])}"
    is_bad = operation["needs_a_person"] or operation["overdue"]
    return Verdict(Tone.BAD if is_bad else Tone.WAITING, headline, operation["explanation"])


def _active(shown: Shown) -> Verdict:
    operations = (command for command in _ended(shown) if not command["refusal"])
    last = max(operations, key=_end_of, default=None)
    if last is None or (last["outcome"], last["operation"]) != ("completed", "activate"):
        return Verdict(Tone.GOOD, "ACTIVE", "The platform stated it so, or its history has ended.")
    return Verdict(Tone.GOOD, f"ACTIVE since {clock_time(last['ended_at'])}{_requester(last)}", "")


def _reserved(shown: Shown) -> Verdict:
    last = _ended_last(shown)
    if last is None:
        return _never_activated(shown)
    at = clock_time(last["ended_at"])
    if last["outcome"] == "rejected":
        headline = f"Not active: the last activation was refused at {at}, {last['refusal']}"
        return Verdict(Tone.BAD, headline, _sentences(last["detail"], _now(shown, last)))
    if last["outcome"] == "failed":
        name = "activation" if last["operation"] == "activate" else "deactivation"
        headline = f"Not active: the last {name} failed at {at}, {last['failure']}"
        return Verdict(Tone.BAD, headline, _sentences(last["detail"], _room(shown)))
    if last["operation"] == "deactivate":
        headline = f"Not active: deactivated at {at}{_requester(last)}"
        return Verdict(Tone.PLAIN, headline, _room(shown))
    return Verdict(
        Tone.PLAIN, "Not active: the platform made it RESERVED after its last command", _room(shown)
    )


def _never_activated(shown: Shown) -> Verdict:
    what = (
        f"command of {shown['account_id']} to activate it" if shown["history"] else "command for it"
    )
    # With commands in the queues the web tier may well have sent one.
    ask = "" if shown["commands_waiting"] else "Ask the web tier whether it has sent one."
    headline = f"Not active: the worker has received no {what}"
    return Verdict(Tone.WAITING, headline, _dead_letters(shown) or ask)


def _available(_: Shown) -> Verdict:
    return Verdict(
        Tone.PLAIN, "Not active: no account holds it", "The platform allocates it to an account."
    )


def _cooldown(_: Shown) -> Verdict:
    return Verdict(Tone.PLAIN, "Not active: it rests after it left an account", "")


def _pending(_: Shown) -> Verdict:
    return Verdict(
        Tone.BAD, "PENDING, and no operation is under way", "Please report this: it must not be."
    )


_BY_STATUS: Final = {
    "ACTIVE": _active,
    "RESERVED": _reserved,
    "AVAILABLE": _available,
    "COOLDOWN": _cooldown,
    "PENDING": _pending,
}


def _ended_last(shown: Shown) -> Shown | None:
    """The end of an operation, or the refusal, that explains why the number is RESERVED.

    A command refused while an operation was under way came later and ended earlier: the end of the
    operation counts. A refused deactivation has changed nothing.
    """
    ends = (
        command
        for command in _ended(shown)
        if not (command["refusal"] and command["operation"] == "deactivate")
    )
    return max(ends, key=_end_of, default=None)


def _ended(shown: Shown) -> Iterator[Shown]:
    """The commands with an end: those of the account that holds the number, and strangers'."""
    for command in shown["history"]:
        is_own = command["account_id"] == shown["account_id"]
        is_strangers = command["refusal"] == RefusalCode.ACCOUNT_MISMATCH
        if command["ended_at"] and (is_own or is_strangers):
            yield command


def _end_of(command: Shown) -> tuple[object, ...]:
    """By time; of the same moment, the end of an operation was decided after a refusal."""
    return command["ended_at"], not command["refusal"], command["received_at"]


def _requester(command: Shown) -> str:
    return f", requested by {command['requested_by']}" if command["requested_by"] else ""


def _now(shown: Shown, refused: Shown) -> str:
    """What an activation would lead to now, where the refusal may be out of date."""
    is_own = refused["account_id"] == shown["account_id"]
    code = refused["refusal"]
    has_gone = code == RefusalCode.ENTITLEMENT_EXHAUSTED or code in ENDED_BY_ALLOCATION
    if has_gone and is_own and _free(shown) > 0:
        return "This no longer holds: it can be activated now."
    return _room(shown)


def _free(shown: Shown) -> int:
    return int(shown["limit"] - shown["active"] - shown["pending"])


def _room(shown: Shown) -> str:
    if _free(shown) > 0:
        return ""
    upcoming = later(shown["upcoming"])
    changes = f" Of its services, {upcoming}." if upcoming else ""
    return f"No voice service is free: an activation would be refused now.{changes}"


def _dead_letters(shown: Shown) -> str:
    if not shown["dead_letters"]:
        return ""
    last = shown["dead_letters"][-1]
    return (
        f"A message that names it could not be handled at {clock_time(last['dead_lettered_at'])},"
        f" {last['code']}: {last['detail'].rstrip('.')}."
    )


def _sentences(*parts: str | None) -> str:
    return " ".join(filter(None, parts))
