"""How far a long command has come, where standard error is no terminal."""

import pytest

from worker.cli.progress import LINE_SECONDS, ProgressLines, display


def test_lines_come_every_few_seconds_and_name_the_phase(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seconds = iter([0.0, 1.0, LINE_SECONDS, LINE_SECONDS + 1, 2 * LINE_SECONDS])
    show = ProgressLines(seconds.__next__)
    show("Reading bytes", 10, 3_000)
    show("Reading bytes", 1_500, 3_000)
    show("Reading bytes", 2_000, 3_000)
    show("Storing phone_number", 5_000, 40_000)

    assert capsys.readouterr().err.splitlines() == [
        "Reading bytes: 1,500 of 3,000 (50 %)",
        "Storing phone_number: 5,000 of 40,000 (12 %)",
    ]


def test_a_line_of_an_unknown_total_says_what_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    seconds = iter([0.0, LINE_SECONDS])
    ProgressLines(seconds.__next__)("Reading bytes", 1_500, 0)

    assert capsys.readouterr().err == "Reading bytes: 1,500\n"


def test_what_is_no_terminal_gets_lines() -> None:
    assert isinstance(display(), ProgressLines)
