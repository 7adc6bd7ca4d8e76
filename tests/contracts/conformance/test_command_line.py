"""The command line of the conformance kit: files, reports, and wrong use."""

import io
import json
import sys
from pathlib import Path

import pytest
from activation_contracts.conformance.__main__ import main
from activation_contracts.conformance.files import read_results, write_messages

from tests.support.conformance import planned_cases, results_of


def test_messages_and_results_travel_by_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (planned,) = planned_cases("remove-late")
    manifest, *paths = write_messages([planned], tmp_path / "requests")
    entries = json.loads(manifest.read_text(encoding="utf-8"))
    results = tmp_path / "results"
    results.mkdir()
    bodies = [
        (tmp_path / "requests" / item["file"]).read_bytes() for item in entries[0]["messages"]
    ]
    for place, item in enumerate(results_of(bodies)):
        (results / f"{place}.json").write_bytes(item.encode())
    lines = tmp_path / "results.jsonl"
    lines.write_bytes(b"\n\n".join(read_results(results)))

    assert [path.read_bytes() for path in paths] == bodies
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.read_bytes())))
    for source in (results, lines, "-"):
        with pytest.raises(SystemExit) as end:
            main(["--case", "remove-late", "--results", str(source)])
        assert end.value.code == 0
        assert "PASS  remove-late" in capsys.readouterr().out


@pytest.mark.parametrize("is_json", [True, False])
def test_report_names_what_was_expected_what_came_and_the_rule(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, is_json: bool
) -> None:
    (tmp_path / "empty").touch()
    with pytest.raises(SystemExit) as end:
        main(["--case", "logout", "--results", str(tmp_path / "empty"), *["--json"] * is_json])
    output = capsys.readouterr().out

    assert end.value.code == 1
    if is_json:
        summary = json.loads(output)
        assert (summary["passed"], summary["not_run"]) == (False, [])
        (finding,) = summary["cases"][0]["findings"]
        assert finding["actual"] == "no result"
        assert finding["rule"]["section"] == "Saying what became of it"
    else:
        assert "FAIL  logout " in output
        assert "actual:   no result" in output
        assert 'rule:     contracts/docs/pbx.md, "Saying what became of it": ' in output
        assert "2 cases: 1 passed, 1 failed." in output


def test_wrong_use_ends_with_an_explanation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for words, problem in (
        (["--results", str(tmp_path / "none")], "No such file"),
        (["--steps", "teleport"], "'teleport': expected some of activation"),
        (["--within", "soon"], "'soon' is not a number of seconds"),
        (["--attempts", "0"], "'0' is not a number of attempts"),
        (["--number", "0203"], "'0203' is not a phone number"),
        (["--case", "none"], "invalid choice: 'none'"),
        (["--case", "restart"], "restart (--restart-command)"),
        (["--case", "activation"], "activation (--steps activation)"),
        (["--case", "restart", "--results", "-"], "restart (--restart-command)"),
        (["--case", "restart", "--write", str(tmp_path)], "restart (--restart-command)"),
        (["--write", str(tmp_path / "file" / "in")], "file"),
        (["--restart-command", ""], "the command is empty"),
        (["--url", "amqp://guest:hunter2@[::1/"], "expected amqp://user:password@host"),
    ):
        monkeypatch.delenv("AMQP_URL", raising=False)
        with pytest.raises(SystemExit) as end:
            main(words)
        output = capsys.readouterr().err
        assert end.value.code == 2
        assert problem in output
        assert "hunter2" not in output
