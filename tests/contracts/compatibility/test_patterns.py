"""Regular expressions of JSON Schema: which strings they share."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as some

from tests.contracts.compatibility.patterns import Pattern, are_of_length, is_contained, some_string

CONTAINED = [
    ("^a$", "^a$"),
    ("^a$", "^[a-z]$"),
    ("^[a-z]{2,3}$", "^[a-z]+$"),
    ("^abc$", "b"),
    ("^abc$", "^a"),
    ("^abc$", "c$"),
    ("abc", "b"),
    ("^[0-9]+$", r"^\d+$"),
    ("^\u00e9$", r"^[^\u0000-\u0020]+$"),
    (r"^\.$", "^[.]$"),
    (r"^\u002e$", r"^\.$"),
    ("^(a|b)$", "^[ab]$"),
    ("^a\nb$", r"^[^\u0000]+$"),
]
NOT_CONTAINED = [
    ("^[a-z]$", "^a$"),
    ("b", "^abc$"),
    ("^[^\u0000]$", "^.$"),
    (r"^[^\u0000]*$", r"^[^\u0000]+$"),
    (r"^\+[1-9][0-9]{6,14}$", r"^\+[1-9][0-9]{7,14}$"),
]
UNDECIDED = ["^(?=a)a$", "^a|b$", "a^b", "^(a", r"^(a)\1$"]


@pytest.mark.parametrize(("inner", "outer"), CONTAINED)
def test_a_pattern_contains_another(inner: str, outer: str) -> None:
    assert is_contained([Pattern(inner)], Pattern(outer)) == (True, None)


@pytest.mark.parametrize(("inner", "outer"), NOT_CONTAINED)
def test_a_pattern_does_not_contain_another_and_a_string_shows_it(inner: str, outer: str) -> None:
    contained, example = is_contained([Pattern(inner)], Pattern(outer))

    assert not contained
    assert example is not None
    assert re.search(inner, example)
    assert not re.search(outer, example)


@pytest.mark.parametrize("pattern", UNDECIDED)
def test_a_pattern_that_is_not_decided_contains_nothing(pattern: str) -> None:
    assert is_contained([Pattern("^a$")], Pattern(pattern)) == (False, None)
    assert some_string([Pattern(pattern)]) is None
    assert not are_of_length([Pattern(pattern)], 0, None)


def test_all_patterns_and_the_length_count() -> None:
    patterns = [Pattern("^[a-c]+$"), Pattern("[b-d]")]

    assert is_contained(patterns, Pattern("b|c")) == (True, None)
    assert not is_contained(patterns, Pattern("^..$"))[0]
    assert is_contained(patterns, Pattern("^..$"), shortest=2, longest=2) == (True, None)
    assert are_of_length([Pattern("^[a-z]{1,9}$")], 1, 9)
    assert not are_of_length([Pattern("^[a-z]{1,9}$")], 2, 9)
    assert not are_of_length([Pattern("^[a-z]+$")], 0, 9)


def test_a_pattern_may_be_excluded() -> None:
    no_digit = Pattern(r"\d", is_excluded=True)

    assert is_contained([Pattern("^[a-z]*$")], no_digit) == (True, None)
    assert is_contained([no_digit], Pattern("^[^0-9]*$")) == (True, None)
    assert not is_contained([Pattern("^[a-z0]*$")], no_digit)[0]
    assert some_string([no_digit, Pattern("^[0-9a]$")]) == "a"


pieces = some.sampled_from(["a", "[ab]", "[^a]", "b*", "(a|bc)", "c{1,2}", r"\d", "."])
expressions = some.lists(pieces, min_size=1, max_size=3).map("".join)
patterns = some.builds(
    lambda begin, body, end: f"{begin}{body}{end}",
    some.sampled_from(["", "^"]),
    expressions,
    some.sampled_from(["", "$"]),
)


@given(inner=patterns, outer=patterns, text=some.text("abc1\n", max_size=5))
def test_no_string_contradicts_the_answer(inner: str, outer: str, text: str) -> None:
    contained, example = is_contained([Pattern(inner)], Pattern(outer))

    if contained:
        assert not _matches(inner, text) or _matches(outer, text)
    else:
        assert example is not None
        assert _matches(inner, example)
        assert not _matches(outer, example)


def _matches(pattern: str, text: str) -> bool:
    """As ECMA-262 does, where `$` does not match before a last line break."""
    return re.search(re.sub(r"\$$", r"\\Z", pattern), text) is not None
