"""Reports verdicts: lines for people, and a summary for programs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from activation_contracts.conformance.judging import Finding, Verdict
from activation_contracts.conformance.rules import Rule

__all__ = ["lines", "summary"]


def lines(verdicts: Sequence[Verdict], not_run: Mapping[str, str]) -> Iterator[str]:
    """One line for each case, with the findings below those that failed, and the totals.

    `not_run` says of each case that was left out which option includes it.
    """
    width = max(len(verdict.name) for verdict in verdicts)
    for verdict in verdicts:
        outcome = "PASS" if verdict.passed else "FAIL"
        yield f"{outcome}  {verdict.name:<{width}}  {verdict.meaning}"
        yield f"      expected: {verdict.expected}. actual: {verdict.actual}."
        yield f"      rule: {verdict.rule}"
        for finding in verdict.findings:
            yield from _finding_lines(finding)
    failed = sum(not verdict.passed for verdict in verdicts)
    yield f"{len(verdicts)} cases: {len(verdicts) - failed} passed, {failed} failed."
    for name, option in not_run.items():
        yield f"not run: {name} ({option})"


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"    - {finding.subject}"
    yield f"        expected: {finding.expected}"
    yield f"        actual:   {finding.actual}"
    yield f"        rule:     {finding.rule}"


def summary(verdicts: Sequence[Verdict], not_run: Mapping[str, str]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "passed": all(verdict.passed for verdict in verdicts),
        "cases": [_entry(verdict) for verdict in verdicts],
        "not_run": [{"name": name, "option": option} for name, option in not_run.items()],
    }


def _entry(verdict: Verdict) -> dict[str, Any]:
    return {
        "name": verdict.name,
        "meaning": verdict.meaning,
        "passed": verdict.passed,
        "rule": _rule(verdict.rule),
        "expected": verdict.expected,
        "actual": verdict.actual,
        "findings": [
            {
                "subject": finding.subject,
                "expected": finding.expected,
                "actual": finding.actual,
                "rule": _rule(finding.rule),
            }
            for finding in verdict.findings
        ],
    }


def _rule(rule: Rule) -> dict[str, str]:
    return {"section": rule.section, "words": rule.words}
