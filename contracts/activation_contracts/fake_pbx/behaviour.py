"""Fault injection for the fake PBX: the syntax of faults, and the reaction to each."""

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Literal, NamedTuple, TypeVar

from pydantic import TypeAdapter, ValidationError

from activation_contracts.values import PhoneNumber, ShortText, Step, StepResult

__all__ = [
    "FAULT_KINDS",
    "SYNTAX",
    "Fault",
    "FaultDefinition",
    "FaultKind",
    "Reaction",
    "parse_fault",
    "reaction_to",
]

EnumT = TypeVar("EnumT", bound=StrEnum)

SYNTAX: Final = "STEP[@NUMBER]=KIND[:VALUE][*TIMES]"

_PARTS: Final = re.compile(
    r"(?P<step>[^@=]*)(@(?P<number>[^=]*))?=(?P<kind>[^:*]*)(:(?P<value>[^*]*))?(\*(?P<times>.*))?"
)

_PHONE_NUMBER: Final = TypeAdapter(PhoneNumber)
_CODE: Final = TypeAdapter(ShortText)


@unique
class FaultKind(StrEnum):
    """A kind of fault."""

    SLOW = "slow"
    DUPLICATE = "duplicate"
    OUT_OF_ORDER = "out_of_order"
    REFUSE = "refuse"
    RETRY_LATER = "retry_later"
    SILENT = "silent"
    ALREADY = "already"
    NOT_APPLICABLE = "not_applicable"


class FaultDefinition(NamedTuple):
    """The definition of a kind of fault: its value, its meaning, its result."""

    value: Literal["SECONDS", "CODE"] | None
    """The unit of the value after the colon; None if the fault has no value."""
    meaning: str
    result: StepResult | None = None
    """The result, independent of the state; None: the result depends on the state."""


FAULT_KINDS: Final[dict[FaultKind, FaultDefinition]] = {
    FaultKind.SLOW: FaultDefinition("SECONDS", "delays the step"),
    FaultKind.DUPLICATE: FaultDefinition(None, "publishes the result twice, with the same id"),
    FaultKind.OUT_OF_ORDER: FaultDefinition(
        None, "publishes the result after the next one, or after two seconds"
    ),
    FaultKind.REFUSE: FaultDefinition(
        "CODE", "answers `refused` with that code", StepResult.REFUSED
    ),
    FaultKind.RETRY_LATER: FaultDefinition(
        "CODE", "answers `retry_later` with that code", StepResult.RETRY_LATER
    ),
    FaultKind.SILENT: FaultDefinition(None, "does the step and publishes no result"),
    FaultKind.ALREADY: FaultDefinition(None, "answers `already`", StepResult.ALREADY),
    FaultKind.NOT_APPLICABLE: FaultDefinition(
        None, "does nothing and answers `not_applicable`", StepResult.NOT_APPLICABLE
    ),
}


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault at a step."""

    step: Step
    kind: FaultKind
    phone_number: str | None = None
    """None: all numbers that have no faults of their own for this step."""
    seconds: float = 0.0
    code: str | None = None
    times: int | None = None
    """The number of attempts that are affected, from the first on; None: all."""


@dataclass(frozen=True, slots=True)
class Reaction:
    """The reaction of the fake PBX to one attempt at a step."""

    result: StepResult | None = None
    """None: the result depends on the state."""
    code: str | None = None
    delay_seconds: float = 0.0
    results: int = 1
    """How often the result is published."""
    reordered: bool = False
    """Whether the result is published after the next one."""


def parse_fault(text: str) -> Fault:
    """The fault in the notation of `SYNTAX`. Raises ValueError with an explanation."""
    parts = _PARTS.fullmatch(text)
    if parts is None:
        raise ValueError(
            f"{text!r} is not a fault: expected {SYNTAX}, for example"
            " activation=refuse:EXTENSION_IN_USE"
        )
    step = _parse_enum(Step, parts["step"], "step")
    kind = _parse_enum(FaultKind, parts["kind"], "kind of fault")
    number, value, times = parts["number"], parts["value"], parts["times"]
    if value is not None and FAULT_KINDS[kind].value is None:
        raise ValueError(f"{kind} takes no value, found {value!r}")
    return Fault(
        step,
        kind,
        phone_number=None if number is None else _phone_number(number),
        seconds=_seconds(value) if FAULT_KINDS[kind].value == "SECONDS" else 0.0,
        code=_code(value) if FAULT_KINDS[kind].value == "CODE" and value is not None else None,
        times=None if times is None else _times(times),
    )


def reaction_to(
    faults: Iterable[Fault], step: Step, phone_number: str, *, attempt: int
) -> Reaction:
    """The reaction to this attempt under these faults.

    The faults of a number replace the faults for all numbers. Faults of one step are combined; of
    several results the first one counts.
    """
    of_step = [fault for fault in faults if fault.step is step]
    own = [fault for fault in of_step if fault.phone_number == phone_number]
    general = [fault for fault in of_step if fault.phone_number is None]
    active = [fault for fault in own or general if fault.times is None or attempt <= fault.times]
    kinds = {fault.kind for fault in active}
    answering = next((fault for fault in active if FAULT_KINDS[fault.kind].result), None)
    return Reaction(
        result=FAULT_KINDS[answering.kind].result if answering else None,
        code=answering.code if answering else None,
        delay_seconds=max((fault.seconds for fault in active), default=0.0),
        results=_results(kinds),
        reordered=FaultKind.OUT_OF_ORDER in kinds,
    )


def _results(kinds: set[FaultKind]) -> int:
    if FaultKind.SILENT in kinds:
        return 0
    return 2 if FaultKind.DUPLICATE in kinds else 1


def _parse_enum(values: type[EnumT], text: str, name: str) -> EnumT:
    try:
        return values(text)
    except ValueError:
        expected = ", ".join(values)
        raise ValueError(f"{text!r} is not a {name}: expected one of {expected}") from None


def _phone_number(text: str) -> str:
    try:
        return _PHONE_NUMBER.validate_python(text)
    except ValidationError:
        raise ValueError(
            f"{text!r} is not a phone number: expected for example +442079460203"
        ) from None


def _seconds(text: str | None) -> float:
    try:
        seconds = float(text or "")
    except ValueError:
        seconds = math.nan
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValueError(f"{text or ''!r} is not a number of seconds: expected for example slow:5")
    return seconds


def _code(text: str) -> str:
    try:
        return _CODE.validate_python(text)
    except ValidationError:
        raise ValueError("a code has at most 128 characters and no NUL") from None


def _times(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError(
            f"{text!r} is not a number of attempts: expected for example retry_later*2"
        )
    return int(text)
