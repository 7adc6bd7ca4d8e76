"""The languages of regular expressions: whether one contains another, and strings of them.

JSON Schema writes ECMA-262 and searches: a pattern without `^` and `$` matches inside a string.
"""

import re
from collections import deque
from collections.abc import Collection
from functools import cache
from typing import Final, NamedTuple

from greenery import Charclass, Fsm, parse
from greenery.parse import NoMatch
from typing_extensions import override

__all__ = ["Pattern", "are_of_length", "is_contained", "some_string"]

LENGTH_MAXIMUM: Final = 300
"""Longer limits of the length are left out: an automaton has a state for each character."""
ANY: Final = "."
"""In the syntax of greenery, where it includes line breaks."""
NO_LINE_BREAK: Final = "[^\n\r\u2028\u2029]"
"""What `.` means in ECMA-262."""
PLAIN: Final = "xa0A-_ "
"""The characters of examples, as far as the patterns allow them."""


class Pattern(NamedTuple):
    """A condition on a text: it matches the expression, or must not."""

    expression: str
    is_excluded: bool = False

    @override
    def __str__(self) -> str:
        """The condition in words."""
        return f"not {self.expression}" if self.is_excluded else self.expression


class _Undecidable(Exception):
    """No automaton decides this pattern, or its syntax is not known here."""


def is_contained(
    patterns: Collection[Pattern],
    pattern: Pattern,
    *,
    shortest: int = 0,
    longest: int | None = None,
) -> tuple[bool, str | None]:
    """Whether each string of this length that meets all `patterns` meets `pattern`.

    If not, with such a string that does not. A pattern that cannot be decided is not met.
    """
    try:
        rest = _language(patterns, shortest, longest) - _automaton(pattern)
    except _Undecidable:
        return False, None
    example = _first(rest)
    return example is None, example


def are_of_length(patterns: Collection[Pattern], shortest: int, longest: int | None) -> bool:
    """Whether all strings that meet all `patterns` have this length."""
    try:
        return bool((_language(patterns, 0, None) - _of_length(shortest, longest)).empty())
    except _Undecidable:
        return False


def some_string(
    patterns: Collection[Pattern], *, shortest: int = 0, longest: int | None = None
) -> str | None:
    """A string of this length that meets all `patterns`; None if there is none, or undecided."""
    try:
        return _first(_language(patterns, shortest, longest))
    except _Undecidable:
        return None


def _first(language: Fsm) -> str | None:
    """One of the shortest strings; None if there is none."""
    reached, waiting = {language.initial}, deque([(language.initial, "")])
    while waiting:
        state, text = waiting.popleft()
        if state in language.finals:
            return text
        for characters, following in sorted(language.map[state].items()):
            if following not in reached and not characters.empty():
                reached.add(following)
                waiting.append((following, text + _member(characters)))
    return None


def _member(characters: Charclass) -> str:
    """A character of this class, if possible a plain one."""
    ranges, is_negated = characters.ord_ranges, characters.negated
    for plain in PLAIN:
        if any(low <= ord(plain) <= high for low, high in ranges) != is_negated:
            return plain
    return chr(ranges[-1][1] + 1 if is_negated else ranges[0][0])


def _language(patterns: Collection[Pattern], shortest: int, longest: int | None) -> Fsm:
    """The strings that meet all patterns; limits of the length that are too large are left out."""
    kept = longest if longest is not None and longest <= LENGTH_MAXIMUM else None
    language = _of_length(min(shortest, LENGTH_MAXIMUM), kept)
    for pattern in patterns:
        language &= _automaton(pattern)
    return language


def _of_length(shortest: int, longest: int | None) -> Fsm:
    if max(shortest, longest or 0) > LENGTH_MAXIMUM:
        raise _Undecidable(f"{shortest} to {longest} characters")
    return parse(f"{ANY}{{{shortest},{'' if longest is None else longest}}}").to_fsm()


def _automaton(pattern: Pattern) -> Fsm:
    matching = _matching(pattern.expression)
    return matching.everythingbut() if pattern.is_excluded else matching


@cache
def _matching(pattern: str) -> Fsm:
    begins, ends = pattern.startswith("^"), bool(re.search(r"(?<!\\)(\\\\)*\$$", pattern))
    body = _translated(pattern[begins : len(pattern) - ends], is_anchored=begins or ends)
    around = f"{ANY}*"
    try:
        return parse(f"{'' if begins else around}({body}){'' if ends else around}").to_fsm()
    except (NoMatch, ValueError, KeyError) as error:
        raise _Undecidable(pattern) from error


def _translated(body: str, *, is_anchored: bool) -> str:
    """The inner part of a pattern in the syntax of greenery. Raises `_Undecidable`."""
    depth, is_class, translated = 0, False, ""
    for sign in re.findall(r"\\u[0-9a-fA-F]{4}|\\.|.", body, re.DOTALL):
        if sign.startswith("\\u") and len(sign) > 2:
            character = chr(int(sign[-4:], 16))
            special = Charclass.classSpecial if is_class else Charclass.allSpecial
            translated += f"\\{character}" if character in special else character
            continue
        if is_class:
            is_class = sign != "]"
        elif sign == "[":
            is_class = True
        elif sign in "^$" or (sign == "|" and depth == 0 and is_anchored):
            raise _Undecidable(body)
        depth += 0 if is_class else {"(": 1, ")": -1}.get(sign, 0)
        translated += NO_LINE_BREAK if sign == "." and not is_class else sign
    return translated
