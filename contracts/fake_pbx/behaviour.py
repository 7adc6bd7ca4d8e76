"""How the fake PBX misbehaves on request: what can be asked for, and what follows from it."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from contracts.values import PhoneNumber, ShortText, Step, StepResult

__all__ = [
    "KINDS",
    "SYNTAX",
    "Fault",
    "FaultKind",
    "Kind",
    "Reaction",
    "parse_fault",
    "reaction_to",
]

Word = TypeVar("Word", bound=StrEnum)

SYNTAX: Final = "STEP[@NUMBER]=KIND[:VALUE][*TIMES]"

_PARTS: Final = re.compile(
    r"(?P<step>[^@=]*)(@(?P<number>[^=]*))?=(?P<kind>[^:*]*)(:(?P<value>[^*]*))?(\*(?P<times>.*))?"
)

_PHONE_NUMBER: Final = TypeAdapter(PhoneNumber)
_CODE: Final = TypeAdapter(ShortText)


@unique
class FaultKind(StrEnum):
    """What the fake PBX can be asked to do to a step."""

    SLOW = "slow"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    REFUSE = "refuse"
    RETRY_LATER = "retry_later"
    SILENT = "silent"
    ALREADY = "already"
    NOT_APPLICABLE = "not_applicable"


class Kind(NamedTuple):
    """What a kind of fault does, and what may stand behind its colon."""

    value: Literal["SECONDS", "CODE"] | None
    meaning: str
    result: StepResult | None = None
    """What is answered, whatever the state; None where the state decides."""


KINDS: Final[dict[FaultKind, Kind]] = {
    FaultKind.SLOW: Kind("SECONDS", "it takes so long"),
    FaultKind.DUPLICATE: Kind(None, "answered twice, under the same id"),
    FaultKind.OUT_OF_ORDER: Kind(
        None, "the answer is held back until after the next, two seconds at most"
    ),
    FaultKind.REFUSE: Kind("CODE", "answered `refused`, with that code", StepResult.REFUSED),
    FaultKind.RETRY_LATER: Kind(
        "CODE", "answered `retry_later`, with that code", StepResult.RETRY_LATER
    ),
    FaultKind.SILENT: Kind(None, "done, and never answered"),
    FaultKind.ALREADY: Kind(None, "answered `already`", StepResult.ALREADY),
    FaultKind.NOT_APPLICABLE: Kind(
        None, "nothing is done; answered `not_applicable`", StepResult.NOT_APPLICABLE
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that was asked for."""

    step: Step
    kind: FaultKind
    phone_number: str | None = None
    """None: every number that has no faults of its own for this step."""
    seconds: float = 0.0
    code: str | None = None
    times: int | None = None
    """How many attempts it befalls, the first ones; None: each."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """What the fake PBX does with one attempt at a step."""

    result: StepResult | None = None
    """None: the state decides."""
    code: str | None = None
    delay_seconds: float = 0.0
    answers: int = 1
    held_back: bool = False


def parse_fault(text: str) -> Fault:
    """The fault that is written so. Raises ValueError, for people."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(
            f"{text!r} is not a fault: expected {SYNTAX}, for example"
            " activation=refuse:EXTENSION_IN_USE"
        )
    step = _one_of(Step, parts["step"], "step")
    kind = _one_of(FaultKind, parts["kind"], "kind of fault")
    number, value, times = parts["number"], parts["value"], parts["times"]
    if value is not None and KINDS[kind].value is None:
        raise ValueError(f"{kind} takes no value, found {value!r}")
    return Fault(
        step,
        kind,
        phone_number=None if number is None else _phone_number(number),
        seconds=_seconds(value) if KINDS[kind].value == "SECONDS" else 0.0,
        code=_code(value) if KINDS[kind].value == "CODE" and value is not None else None,
        times=None if times is None else _times(times),
    )


def reaction_to(
    faults: Iterable[Fault], step: Step, phone_number: str, *, attempt: int
) -> Reaction:
    """What these faults make of this attempt.

    A number's own faults take the place of those for all numbers. Faults of one step add up; of
    several results the first counts.
    """
    of_step = [fault for fault in faults if fault.step is step]
    own = [fault for fault in of_step if fault.phone_number == phone_number]
    general = [fault for fault in of_step if fault.phone_number is None]
    active = [fault for fault in own or general if fault.times is None or attempt <= fault.times]
    kinds = {fault.kind for fault in active}
    answering = next((fault for fault in active if KINDS[fault.kind].result), None)
    return Reaction(
        result=KINDS[answering.kind].result if answering else None,
        code=answering.code if answering else None,
        delay_seconds=max((fault.seconds for fault in active), default=0.0),
        answers=_answers(kinds),
        held_back=FaultKind.OUT_OF_ORDER in kinds,
    )


def _answers(kinds: set[FaultKind]) -> int:
    if FaultKind.SILENT in kinds:
        return 0
    return 2 if FaultKind.DUPLICATE in kinds else 1


def _one_of(words: type[Word], text: str, name: str) -> Word:
    try:
        return words(text)
    except ValueError:
        known = ", ".join(words)
        raise ValueError(f"{text!r} is no {name}: expected one of {known}") from None


def _phone_number(text: str) -> str:
    try:
        return _PHONE_NUMBER.validate_python(text)
    except ValidationError:
        raise ValueError(f"{text!r} is no phone number: expected +442079460203, say") from None


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or "")
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{text or ''!r} is no number of seconds: expected slow:5, say")
    return seconds


def _code(text: str) -> str:
    try:
        return _CODE.validate_python(text)
    except ValidationError:
        raise ValueError("a code has at most 128 characters, none of them NUL") from None


def _times(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(f"{text!r} is no number of attempts: expected retry_later*2, say")
    return int(text)
