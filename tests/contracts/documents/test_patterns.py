"""Each exported pattern means the same to the regular expression engines of other languages."""

import json
import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pcre2
import pytest
import re2
from activation_contracts.envelope import Source
from activation_contracts.records import FeatureName
from activation_contracts.values import (
    AccountAtSite,
    AccountId,
    Identifier,
    PhoneNumber,
    SiteId,
)
from hypothesis import given
from hypothesis import strategies as some
from jsonschema import Draft202012Validator
from pydantic import TypeAdapter, ValidationError
from pydantic_core import SchemaValidator, core_schema

from tests.contracts.exported import exported, subschemas
from tests.support.node import NodeProject

DEFINITIONS: Final = exported("schemas.json")["$defs"]

STRINGS: Final = sorted(
    {
        (part["pattern"], part.get("not", {}).get("pattern"))
        for _, part in subschemas(exported("schemas.json"))
        if "pattern" in part
    },
    key=str,
)
"""The pattern of each string, and the one that it must not match, if any."""

WORDS: Final = ("acme", "acme/london-1", "voicemail", "+442079460201", "/web-tier", "A" * 64)
OTHERS: Final = (
    "",
    "a" * 65,
    "0" * 17,
    "+0123456789",
    "acme/",
    "Voicemail",
    "caf\u00e9",
    "\U0001f4de",
)
WHITE: Final = "\x00\t\n\x0b\r\x1f \x7f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000\ufeff"
TEXTS: Final = (
    *WORDS,
    *OTHERS,
    *(text for character in WHITE for word in WORDS for text in (word + character, character)),
    "two\nlines",
)

Matches = Callable[[str, str], bool]


def verdicts(matches: Matches) -> dict[tuple[str, str], bool]:
    """Whether each text is one of each kind of string."""
    return {
        (pattern, text): matches(pattern, text)
        and not (refused is not None and matches(refused, text))
        for pattern, refused in STRINGS
        for text in TEXTS
    }


def matches_as_the_worker(pattern: str, text: str) -> bool:
    validator = SchemaValidator(core_schema.str_schema(pattern=pattern))
    return validator.isinstance_python(text)


def matches_in_python(pattern: str, text: str) -> bool:
    return re.search(pattern, text) is not None


def matches_in_re2(pattern: str, text: str) -> bool:
    return re2.search(pattern, text) is not None


def matches_in_pcre2(pattern: str, text: str) -> bool:
    return pcre2.search(pattern, text) is not None


@pytest.fixture(scope="module")
def expected() -> dict[tuple[str, str], bool]:
    found = verdicts(matches_as_the_worker)
    for pattern, _ in STRINGS:
        assert {found[pattern, text] for text in TEXTS} == {True, False}
    return found


@pytest.mark.parametrize("matches", [matches_in_python, matches_in_re2, matches_in_pcre2])
def test_another_engine_accepts_the_same_texts(
    matches: Matches, expected: dict[tuple[str, str], bool]
) -> None:
    assert verdicts(matches) == expected


def test_javascript_accepts_the_same_texts(
    contract_tools: NodeProject, expected: dict[tuple[str, str], bool]
) -> None:
    pairs = all_pairs()
    answers = json.loads(contract_tools.run("match.cjs", json.dumps(pairs)))
    known = dict(zip(pairs, answers, strict=True))

    assert verdicts(lambda pattern, text: known[pattern, text]) == expected


def test_java_accepts_the_same_texts(
    java: str, tmp_path: Path, expected: dict[tuple[str, str], bool]
) -> None:
    pairs = all_pairs()
    questions = tmp_path / "questions"
    lines = (" ".join(b64encode(it.encode()).decode() for it in pair) for pair in pairs)
    questions.write_text("\n".join(lines))
    program = Path(__file__).parent / "java" / "Match.java"
    answers = subprocess.run(
        [java, program, questions], capture_output=True, text=True, check=True, timeout=120
    )
    known = dict(zip(pairs, answers.stdout, strict=True))

    assert verdicts(lambda pattern, text: known[pattern, text] == "1") == expected


def all_pairs() -> list[tuple[str, str]]:
    """Each pattern with each text."""
    patterns = {pattern for string in STRINGS for pattern in string if pattern is not None}
    return [(pattern, text) for pattern in sorted(patterns) for text in TEXTS]


@pytest.fixture
def java() -> str:
    program = shutil.which("java")
    if program is None or shutil.which("javac") is None:
        reason = "javac is not installed: run `make setup-tests`"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return program


TYPES: Final[dict[str, Any]] = {
    "AccountAtSite": AccountAtSite,
    "AccountId": AccountId,
    "FeatureName": FeatureName,
    "Identifier": Identifier,
    "PhoneNumber": PhoneNumber,
    "SiteId": SiteId,
    "Source": Source,
}


@pytest.mark.parametrize("name", TYPES)
@given(text=some.one_of(some.sampled_from(TEXTS), some.text(max_size=20)))
def test_a_schema_accepts_exactly_what_the_worker_reads(name: str, text: str) -> None:
    try:
        TypeAdapter(TYPES[name]).validate_python(text)
        is_read = True
    except ValidationError:
        is_read = False

    assert Draft202012Validator(DEFINITIONS[name]).is_valid(text) == is_read
