"""What a change of the contracts does to those who rely on them."""

import contextlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from tests.contracts.compatibility.containment import Difference, Kind, differences
from tests.contracts.compatibility.forms import Document, Incomparable, Json
from tests.contracts.compatibility.instances import NoInstance

__all__ = ["Direction", "Verdict", "judge_message"]

Direction = Literal["received", "published", "replied"]
"""From the worker's point of view, as in the catalogue."""
NO_EXAMPLE: Final = object()

NARROWED: Final[Mapping[Kind, str]] = {
    Kind.TYPE: "can no longer be {inner} (now: {outer})",
    Kind.VALUE: "no longer takes {inner} (now: {outer})",
    Kind.CONSTANT: "no longer takes {inner} (now: {outer})",
    Kind.ANY_VALUE: "takes only listed values now: {outer}",
    Kind.LIMIT: "has {outer} now (before: {inner})",
    Kind.PATTERN: "must match {outer} now (before: {inner})",
    Kind.FORMAT: "must have the format {outer} now (before: {inner})",
    Kind.REPEATS: "must not repeat an item any more",
    Kind.MISSING: "is required now",
    Kind.UNDECLARED: "is gone",
    Kind.LISTED: "no longer lists {inner}",
    Kind.FORBIDDEN: "is refused now",
}
WIDENED: Final[Mapping[Kind, str]] = {
    Kind.TYPE: "can be {inner} now (before: {outer})",
    Kind.VALUE: "can be {inner} now (before: {outer})",
    Kind.CONSTANT: "can be {inner} now (before: {outer})",
    Kind.ANY_VALUE: "can be any value now (before: {outer})",
    Kind.LIMIT: "has {inner} now (before: {outer})",
    Kind.PATTERN: "need not match {outer} any more (now: {inner})",
    Kind.FORMAT: "need not have the format {outer} any more (now: {inner})",
    Kind.REPEATS: "can repeat an item now",
    Kind.MISSING: "can be missing now",
    Kind.UNDECLARED: "is new",
    Kind.LISTED: "lists {inner} now",
    Kind.FORBIDDEN: "is no longer excluded",
}


@dataclass(frozen=True)
class Verdict:
    """One change, and whether it breaks somebody who relies on what was released."""

    is_break: bool
    sentence: str
    example: Json = NO_EXAMPLE
    """A message that shows the break: only one of the old and the new schema accepts it."""

    def text(self) -> str:
        """The sentence, and the example if there is one, in a line of its own."""
        if self.example is NO_EXAMPLE:
            return self.sentence
        return f"{self.sentence}\n    for example {json.dumps(self.example)}"


def judge_message(
    name: str, direction: Direction, old: Mapping[str, Any], new: Mapping[str, Any]
) -> list[Verdict]:
    """All changes of a message between two versions of its schema."""
    if json.dumps(old) == json.dumps(new):
        return []
    try:
        return list(_verdicts(name, direction, Document(old), Document(new)))
    except Incomparable as reason:
        return [
            Verdict(
                is_break=True,
                sentence=f"{name}: its schemas cannot be compared, because {reason}; write it"
                " otherwise, or teach tests/contracts/compatibility/forms.py",
            )
        ]


def _verdicts(name: str, direction: Direction, old: Document, new: Document) -> Iterator[Verdict]:
    is_received = direction == "received"
    who = "publishers" if is_received else "readers"
    for found in differences(old, new):
        sentence = _sentence(name, NARROWED, found)
        # What has a name is said or read by someone, even if it is allowed without it.
        if is_received or _is_named(found):
            yield _break(sentence, who, name, _shown(found, old, new))
        else:
            yield Verdict(is_break=False, sentence=sentence)
    for found in differences(new, old):
        sentence = _sentence(name, WIDENED, found)
        if is_received or _is_named(found):
            yield Verdict(is_break=False, sentence=sentence)
        else:
            yield _break(sentence, who, name, _shown(found, new, old))


def _is_named(difference: Difference) -> bool:
    """Whether only one schema names what both allow: a field, or a value of an open list.

    Readers must tolerate such additions, and rely on what is there.
    """
    return difference.kind in {Kind.UNDECLARED, Kind.LISTED}


def _sentence(name: str, phrases: Mapping[Kind, str], difference: Difference) -> str:
    path = ".".join(difference.path).replace(".[]", "[]") or "the message"
    phrase = phrases[difference.kind].format(inner=difference.inner, outer=difference.outer)
    return f"{name}: {path} {phrase}"


def _break(sentence: str, who: str, name: str, example: Json) -> Verdict:
    remedy = f"undo this, or define {_successor(name)} beside it"
    return Verdict(
        is_break=True, sentence=f"{sentence}, which breaks its {who}; {remedy}", example=example
    )


def _successor(name: str) -> str:
    stem, _, version = name.rpartition(".v")
    return f"{stem}.v{int(version) + 1}" if version.isdecimal() else f"a successor of {name}"


def _shown(difference: Difference, inner: Document, outer: Document) -> Json:
    """An example that the inner schema accepts and the outer one refuses, if one was found."""
    with contextlib.suppress(NoInstance):
        for example in difference.examples():
            if inner.accepts(example, inner.root) and not outer.accepts(example, outer.root):
                return example
    return NO_EXAMPLE
