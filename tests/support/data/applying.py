"""Applies changes to a directory in memory."""

from tests.support.data.builders import ACME_LONDON, NOW, PHONE_NUMBER
from worker.core.directory.apply import apply_all
from worker.core.directory.change import Change, Verdict
from worker.core.directory.held import Directory, HeldNumber
from worker.core.directory.work import Applied
from worker.core.situation import Number, Usage

__all__ = ["after", "applied_to", "holding", "verdicts"]


def holding(*numbers: Number) -> Directory:
    """A directory that holds these numbers."""
    held = {number.phone_number: HeldNumber(number) for number in numbers}
    return Directory(numbers=held, usages={ACME_LONDON: Usage(3)})


def verdicts(applied: Applied) -> list[Verdict]:
    """What became of each change, in order."""
    return [outcome.verdict for outcome in applied.outcomes]


def applied_to(directory: Directory, *changes: Change) -> Applied:
    """What the directory makes of these changes."""
    return apply_all(directory, changes, NOW)


def after(applied: Applied, phone_number: str = PHONE_NUMBER) -> Number:
    """The number as it is held afterwards."""
    return applied.directory.numbers[phone_number].number
