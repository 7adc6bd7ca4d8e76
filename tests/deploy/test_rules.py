"""The alerts: what promtool says of them, what they name, and their pages in the runbook."""

import re
import shlex
from io import StringIO
from pathlib import Path

import click
import pytest

from tests.deploy.rule_cases import CASES, INTERVAL, Case
from tests.support.monitoring.prometheus import RULES, promtool
from tests.support.monitoring.promql import selectors, unknown_in
from tests.support.monitoring.scraping import scraped
from worker.cli import main
from worker.docs.tables import DOCUMENTS
from worker.telemetry.metrics import Metrics, describe
from worker.telemetry.metrics.database_gauges import DatabaseFigures

TEXT = RULES.read_text(encoding="utf-8")
ALERTS = {rule.partition("\n")[0].strip(): rule for rule in TEXT.split("      - alert:")[1:]}
"""The text of each rule, by the name of its alert."""
RUNBOOK = DOCUMENTS / "runbook"
PAGES = sorted(RUNBOOK.glob("ActivationWorker*.md"))
LOOKS = r"check|show \+\d+|pending|outbox list|partitions|entitlements --exceeded"
"""Commands of the runbook that change nothing."""
SECTIONS = ["## What it means", "## Look here", "## Do this"]


def expression_of(rule: str) -> str:
    (expression,) = re.findall(r"expr: (.*?)\n        (?:for|labels):", rule, re.DOTALL)
    return str(expression)


def commands_of(page: Path) -> list[list[str]]:
    """The arguments of each `activation-worker` that the page shows."""
    return _commands_in(page.read_text(encoding="utf-8"))


def _commands_in(text: str) -> list[list[str]]:
    lines = [
        *re.findall(r"^ +activation-worker (.*)$", text, re.MULTILINE),
        *re.findall(r"`activation-worker ([^`]*)`", text),
    ]
    return [shlex.split(line, comments=True) for line in lines]


async def test_promtool_accepts_the_rules() -> None:
    assert f"{len(ALERTS)} rules found" in await promtool("check", "rules", str(RULES))


async def test_alerts_fire_for_their_series_and_for_no_others(tmp_path: Path) -> None:
    file = tmp_path / "cases.yaml"
    file.write_text("".join([_HEAD.format(rules=RULES, interval=INTERVAL), *map(_as_yaml, CASES)]))

    assert "SUCCESS" in await promtool("test", "rules", str(file))


def test_every_alert_has_a_case_in_which_it_fires() -> None:
    firing = {alert for case in CASES for alerts in case.firing.values() for alert in alerts}

    assert firing == ALERTS.keys()


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_names_what_a_worker_exports(alert: str) -> None:
    expression = expression_of(ALERTS[alert])

    assert selectors(expression)
    assert unknown_in(expression) == []


@pytest.mark.parametrize("alert", ALERTS)
async def test_series_that_an_alert_selects_exist_before_anything_has_happened(alert: str) -> None:
    async def read_figures() -> DatabaseFigures:
        return DatabaseFigures(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    metrics = Metrics(read_figures)
    queues = metrics.domains["activation_worker_queue_messages"]["queue"].values
    metrics.queue_depths(dict.fromkeys(queues, 0))
    exported = scraped((await metrics.render()).decode())
    kinds = {row.name: row.kind for row in describe()}
    for metric, matchers in selectors(expression_of(ALERTS[alert])):
        name = metric if metric in kinds else re.sub("_(bucket|sum|count)$", "", metric)
        positive = {
            label: value for label, (operator, value) in matchers.items() if operator in {"=", "=~"}
        }
        assert any(
            all(re.fullmatch(value, dict(series)[label]) for label, value in positive.items())
            for series in exported[name].labels
        ), metric


@pytest.mark.parametrize("alert", ALERTS)
def test_an_alert_says_how_urgent_it_is_what_to_do_and_where_to_read_on(alert: str) -> None:
    rule = ALERTS[alert]

    assert re.search(r"labels: \{severity: (page|ticket)\}\n", rule)
    assert re.search(r"^          summary: .{20,}", rule, re.MULTILINE)
    assert re.search(r"^          action: .{20,}", rule, re.MULTILINE)
    assert rule.rstrip().endswith(f"/worker/docs/runbook/{alert}.md")
    assert (RUNBOOK / f"{alert}.md").exists()


def test_every_page_of_the_runbook_belongs_to_an_alert_and_the_index_lists_it() -> None:
    index = (RUNBOOK / "README.md").read_text(encoding="utf-8")

    assert {page.stem for page in PAGES} == ALERTS.keys()
    assert re.findall(r"\]\((\w+)\.md\)", index) == [*ALERTS]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_a_page_says_what_the_alert_means_where_to_look_and_what_to_do(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    parts = re.split(r"^## .*$", text, flags=re.MULTILINE)

    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## .*$", text, re.MULTILINE) == SECTIONS
    assert all(len(part.split()) > 5 for part in parts[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_commands_to_look_with_change_nothing_unless_the_index_names_them(page: Path) -> None:
    index = (RUNBOOK / "README.md").read_text(encoding="utf-8")
    text = page.read_text(encoding="utf-8")
    look = text.partition("## Look here")[2].partition("## Do this")[0]

    for arguments in _commands_in(look):
        assert re.fullmatch(LOOKS, " ".join(arguments)) or f"`{' '.join(arguments[:2])}`" in index


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.stem))
def test_command_line_understands_each_command_of_a_page(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "records.jsonl").touch()
    for arguments in commands_of(page):
        monkeypatch.setattr("sys.stdin", StringIO("y\n"))  # for one that asks for a confirmation
        _parse(main, arguments)


def _parse(command: click.Command, arguments: list[str]) -> None:
    """Raises `click.UsageError` if the arguments are wrong; runs nothing."""
    if not isinstance(command, click.Group):
        with command.make_context(command.name, arguments):
            return
    name, *rest = arguments
    chosen = command.get_command(click.Context(command), name)
    assert chosen is not None, name
    _parse(chosen, rest)


_HEAD = """
rule_files: ["{rules}"]
evaluation_interval: {interval}
tests:
"""


def _as_yaml(case: Case) -> str:
    lines = [f"  - name: {case.name}", f"    interval: {INTERVAL}", "    input_series:"]
    lines += [
        f"      - {{series: '{name}', values: '{values}'}}" for name, values in case.series.items()
    ]
    if not case.series:
        lines[-1] += " []"
    lines.append("    promql_expr_test:")
    for time, alerts in case.firing.items():
        lines += [
            '      - expr: count by (alertname) (ALERTS{alertstate="firing"})',
            f"        eval_time: {time}",
            "        exp_samples:" + ("" if alerts else " []"),
            *(f"          - {{labels: '{{alertname=\"{alert}\"}}', value: 1}}" for alert in alerts),
        ]
    return "\n".join([*lines, ""])
