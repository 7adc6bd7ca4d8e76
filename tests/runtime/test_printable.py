"""Text of others cannot control a terminal, reverse text or begin a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as some

from worker.runtime.printable import on_one_line, printable


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("Ada, réception 内線 ✓", "Ada, réception 内線 ✓"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("one\ntwo\r\n", r"one\ntwo\r\n"),
        ("tab\there", r"tab\there"),
        ("NUL\x00, BS\x08, DEL\x7f", r"NUL\x00, BS\x08, DEL\x7f"),
        ("next\x85line\u2028line\u2029", r"next\x85line\u2028line\u2029"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\u2066isolated\u2069", r"\u2066isolated\u2069"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("lone \udc80", r"lone \udc80"),
    ],
)
def test_printable_escapes_what_is_not_text(text: str, escaped: str) -> None:
    assert printable(text) == escaped


@given(some.text(some.characters()))
def test_printable_text_is_one_printable_line_and_stays_as_it_is(text: str) -> None:
    once = printable(text)

    assert once.isprintable()
    assert printable(once) == once


def test_printable_escapes_texts_inside_other_values() -> None:
    shown = {"label": "\x1b", "steps": [{"last_result": "a\nb", "attempt": 1}], "by": None}

    assert printable(shown) == {
        "label": r"\x1b",
        "steps": [{"last_result": r"a\nb", "attempt": 1}],
        "by": None,
    }


def test_a_text_of_several_lines_becomes_one_line() -> None:
    assert on_one_line("denied\nHINT:  grant\x1b\tit") == r"denied HINT: grant\x1b it"
