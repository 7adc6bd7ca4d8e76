"""Judges a transcript: pure functions that say whether a PBX followed the rules."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from activation_contracts.catalogue import definition_of
from activation_contracts.conformance import rules
from activation_contracts.conformance.cases import Case
from activation_contracts.conformance.requests import ANSWERS, Expectation, Request
from activation_contracts.conformance.rules import Rule
from activation_contracts.conformance.transcript import Asked, Heard, Transcript
from activation_contracts.messages import PbxResult
from activation_contracts.values import StepResult

__all__ = ["RESULTS_CASE", "Finding", "Verdict", "judge", "judge_results"]

RESULTS_CASE: Final = "every-result"

_SUCCESS: Final = ANSWERS - {StepResult.REFUSED}
_RESULT_KEY: Final = definition_of(PbxResult).routing_key


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as the rule says."""

    subject: str
    """The request or the result."""
    expected: str
    came: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a case: it passed if nothing was found."""

    name: str
    meaning: str
    rule: Rule
    expected: str
    came: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether the PBX followed the rule."""
        return not self.findings


def judge(case: Case, requests: Sequence[Request], asked: Sequence[Asked]) -> Verdict:
    """The verdict on a case of these requests, of which these were sent."""
    findings = [finding for place in range(len(asked)) for finding in _check(case, asked, place)]
    for request in requests[len(asked) :]:
        came = "it was not sent, because the request before it had no answer"
        findings.append(Finding(str(request), str(request.expectation), came, case.rule))
    return Verdict(
        case.name,
        case.meaning,
        case.rule,
        _joined(_brief(request.expectation) for request in requests),
        _joined(_came([*item.heard, *item.repeats]) for item in asked),
        tuple(findings),
    )


def _check(case: Case, asked: Sequence[Asked], place: int) -> Iterator[Finding]:
    item = asked[place]
    subject = f"request {place + 1}: {item.request}"
    expected = str(item.request.expectation)
    if item.problem is not None:
        yield Finding(subject, "a queue that receives the message", item.problem, case.rule)
        return
    for came, rule in _unmet(case, asked[:place], item):
        yield Finding(subject, expected, came, rule)
    if contradiction := _contradiction(asked[: place + 1], item):
        yield Finding(subject, "results that agree", contradiction, rules.REPEATS)


def _unmet(case: Case, before: Sequence[Asked], asked: Asked) -> Iterator[tuple[str, Rule]]:
    """What does not meet the expectation, and the rule that it breaks."""
    expectation = asked.request.expectation
    answers = [item for item in (*asked.heard, *asked.repeats) if item.answers]
    if expectation.needs_answer and not answers:
        yield _missing(case, asked)
        return
    if expectation.needs_answer and asked.silences:
        yield _late(asked, answers)
    relevant = answers if expectation.needs_answer else asked.heard
    allowed = expectation.value
    if any(StepResult.NOT_APPLICABLE in _results(item.heard) for item in before):
        # Then the state that the case has prepared is not there.
        allowed |= Expectation.CARRIED_OUT.value
    if expectation is Expectation.CHANGED and asked.was_asked_again:
        # The first attempt may have done the work before it failed.
        allowed |= {StepResult.ALREADY}
    for item in relevant:
        if not _results([item]) <= allowed:
            yield _came([item]), _broken_rule(case, before, item)


def _broken_rule(case: Case, before: Sequence[Asked], item: Heard) -> Rule:
    if StepResult.REFUSED not in _results([item]):
        return case.rule
    was_possible = any(_results(earlier.heard) & _SUCCESS for earlier in before)
    return rules.DESIRED_STATE if was_possible else rules.REFUSAL


def _late(asked: Asked, answers: Sequence[Heard]) -> tuple[str, Rule]:
    if asked.has_repeated_postponement:
        return f"retry_later again under the same id, then {_came(answers)}", rules.RETRY_ID
    return f"{_came(answers)}, but only when asked again", rules.SILENCE


def _missing(case: Case, asked: Asked) -> tuple[str, Rule]:
    if asked.heard or asked.repeats:
        came = _came([*asked.heard, *asked.repeats])
        rule = rules.RETRY_ID if asked.has_repeated_postponement else rules.RETRY
        return f"{came}, and no other result, at {asked.attempts} attempts", rule
    times = "" if asked.attempts == 1 else f", although it was sent {asked.attempts} times"
    return f"no result{times}", case.rule


def _contradiction(asked: Sequence[Asked], last: Asked) -> str | None:
    """What the results of one request say if they contradict each other."""
    same = [item for one in asked if one.request.id == last.request.id for item in one.heard]
    answers = [item for item in same if item.answers]
    kinds = {result in _SUCCESS for item in answers for result in _results([item])}
    if len(kinds) > 1 and any(item in last.heard for item in answers):
        return _came(answers)
    own = list(last.heard)
    for place, item in enumerate(own):
        if not item.answers and any(earlier.answers for earlier in own[:place]):
            return _came(own)
    return None


def judge_results(transcript: Transcript) -> Verdict:
    """The verdict on all results together: their form, and what they belong to."""
    findings = [
        *(_judge_stray(item, transcript.requests()) for item in transcript.strays),
        *(finding for item in transcript.everything for finding in _publishing(item)),
        *_shared_ids(transcript.everything),
    ]
    return Verdict(
        RESULTS_CASE,
        "Each result can be read, names its request, has an id of its own, and is persistent.",
        rules.READABLE,
        "results that the worker can read",
        f"{len(findings)} findings in {len(transcript.everything)} results",
        tuple(findings),
    )


def _judge_stray(item: Heard, requests: Sequence[Request]) -> Finding:
    if item.result is None:
        return Finding(
            _excerpt(item.arrival.body), "a message that can be read", item.problem, rules.READABLE
        )
    named = item.result.data.operation_id
    came = f"operation_id {named!r}"
    for request in requests:
        if named == request.command_id:
            came += f", which is the command_id of request {request.id}"
            break
    return Finding(_subject(item), "the id of a request", came, rules.RESULT_OF)


def _publishing(item: Heard) -> Iterator[Finding]:
    arrival = item.arrival
    if arrival.routing_key not in {None, _RESULT_KEY}:
        yield Finding(
            _subject(item), _RESULT_KEY, f"routing key {arrival.routing_key!r}", rules.PUBLISHING
        )
    if arrival.is_persistent is False:
        yield Finding(_subject(item), "a persistent message", "a transient one", rules.PUBLISHING)


def _shared_ids(everything: Iterable[Heard]) -> Iterator[Finding]:
    """A finding for each result whose id another request's result had before."""
    owners: dict[tuple[str, str], str] = {}
    for item in everything:
        if item.result is None:
            continue
        request_id = item.result.data.operation_id
        owner = owners.setdefault((item.result.source, item.result.id), request_id)
        if owner != request_id:
            came = f"the id of a result for {owner}"
            yield Finding(_subject(item), "an id of its own", came, rules.RESULT_ID)


def _results(items: Iterable[Heard]) -> set[StepResult]:
    return {item.result.data.result for item in items if item.result is not None}


def _came(items: Sequence[Heard]) -> str:
    if not items:
        return "no result"
    said = (item.result.data for item in items if item.result is not None)
    words = (f"{data.result} {data.code}" if data.code else str(data.result) for data in said)
    return " and ".join(words)


def _brief(expectation: Expectation) -> str:
    return {
        Expectation.CARRIED_OUT: "success",
        Expectation.CHANGED: "success (not already)",
        Expectation.REFUSED: "refused",
        Expectation.ANSWERED: "an answer",
        Expectation.OPTIONAL: "anything",
        Expectation.DROPPED: "no result",
    }[expectation]


def _joined(words: Iterable[str]) -> str:
    """The words, with equal ones that follow each other counted."""
    runs: list[tuple[str, int]] = []
    for word in words:
        if runs and runs[-1][0] == word:
            runs[-1] = (word, runs[-1][1] + 1)
        else:
            runs.append((word, 1))
    return "; ".join(word if count == 1 else f"{count} times {word}" for word, count in runs)


def _subject(item: Heard) -> str:
    if item.result is None:
        return _excerpt(item.arrival.body)
    return f"result {item.result.id!r} for {item.result.data.operation_id!r}"


def _excerpt(body: bytes) -> str:
    return f"message {body[:80].decode(errors='replace')!r}"
