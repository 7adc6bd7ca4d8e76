"""Judges a transcript: pure functions that say whether a PBX followed the rules."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from activation_contracts.catalogue import definition_of
from activation_contracts.conformance import rules
from activation_contracts.conformance.cases import Case
from activation_contracts.conformance.requests import SUCCESS, Expectation, Request
from activation_contracts.conformance.rules import Rule
from activation_contracts.conformance.transcript import ReceivedResult, SentRequest, Transcript
from activation_contracts.messages import PbxResult
from activation_contracts.values import StepResult

__all__ = ["RESULTS_CASE", "Finding", "Verdict", "judge", "judge_results"]

RESULTS_CASE: Final = "every-result"

_RESULT_KEY: Final = definition_of(PbxResult).routing_key


@dataclass(frozen=True, slots=True)
class Finding:
    """A deviation from a rule."""

    subject: str
    """The request or the result."""
    expected: str
    actual: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of a case: it passed if nothing was found."""

    name: str
    meaning: str
    rule: Rule
    expected: str
    actual: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether the PBX followed the rule."""
        return not self.findings


def judge(case: Case, requests: Sequence[Request], sent: Sequence[SentRequest]) -> Verdict:
    """The verdict on a case: on its requests, of which those in `sent` were sent, in order."""
    findings = [finding for index in range(len(sent)) for finding in _check(case, sent, index)]
    for request in requests[len(sent) :]:
        actual = "it was not sent, because the request before it had no answer"
        findings.append(Finding(str(request), str(request.expectation), actual, case.rule))
    return Verdict(
        case.name,
        case.meaning,
        case.rule,
        _joined(_brief(request.expectation) for request in requests),
        _joined(_actual([*item.results, *item.repeats]) for item in sent),
        tuple(findings),
    )


def _check(case: Case, sent: Sequence[SentRequest], index: int) -> Iterator[Finding]:
    item = sent[index]
    subject = f"request {index + 1}: {item.request}"
    expected = str(item.request.expectation)
    if item.problem is not None:
        yield Finding(subject, "a queue that receives the message", item.problem, case.rule)
        return
    for actual, rule in _unmet(case, sent[:index], item):
        yield Finding(subject, expected, actual, rule)
    if contradiction := _contradiction(sent[: index + 1], item):
        yield Finding(subject, "results that agree", contradiction, rules.REPEATS)


def _unmet(
    case: Case, before: Sequence[SentRequest], sent: SentRequest
) -> Iterator[tuple[str, Rule]]:
    """What does not meet the expectation, and the rule that it breaks."""
    expectation = sent.request.expectation
    answers = [item for item in (*sent.results, *sent.repeats) if item.answers]
    if expectation.needs_answer and not answers:
        yield _missing(case, sent)
        return
    if expectation.needs_answer and sent.silences:
        yield _late(sent, answers)
    relevant = answers if expectation.needs_answer else sent.results
    allowed = expectation.value
    if any(StepResult.NOT_APPLICABLE in _kinds(item.results) for item in before):
        # The PBX did not know the object, so it is not in the state that the case has prepared.
        allowed |= Expectation.CARRIED_OUT.value
    if expectation is Expectation.CHANGED and sent.was_asked_again:
        # The first attempt may have done the work before it failed.
        allowed |= {StepResult.ALREADY}
    for item in relevant:
        if not _kinds([item]) <= allowed:
            yield _actual([item]), _broken_rule(case, before, item)


def _broken_rule(case: Case, before: Sequence[SentRequest], item: ReceivedResult) -> Rule:
    if StepResult.REFUSED not in _kinds([item]):
        return case.rule
    was_possible = any(_kinds(earlier.results) & SUCCESS for earlier in before)
    return rules.DESIRED_STATE if was_possible else rules.REFUSAL


def _late(sent: SentRequest, answers: Sequence[ReceivedResult]) -> tuple[str, Rule]:
    if sent.has_repeated_postponement:
        return f"retry_later again under the same id, then {_actual(answers)}", rules.RETRY_ID
    return f"{_actual(answers)}, but only when asked again", rules.SILENCE


def _missing(case: Case, sent: SentRequest) -> tuple[str, Rule]:
    if sent.results or sent.repeats:
        actual = _actual([*sent.results, *sent.repeats])
        rule = rules.RETRY_ID if sent.has_repeated_postponement else rules.RETRY
        return f"{actual}, and no other result, at {sent.attempts} attempts", rule
    times = "" if sent.attempts == 1 else f", although it was sent {sent.attempts} times"
    return f"no result{times}", case.rule


def _contradiction(sent: Sequence[SentRequest], last: SentRequest) -> str | None:
    """What the results of one request say if they contradict each other."""
    same = [item for one in sent if one.request.id == last.request.id for item in one.results]
    answers = [item for item in same if item.answers]
    kinds = {result in SUCCESS for item in answers for result in _kinds([item])}
    if len(kinds) > 1 and any(item in last.results for item in answers):
        return _actual(answers)
    own = list(last.results)
    for index, item in enumerate(own):
        if not item.answers and any(earlier.answers for earlier in own[:index]):
            return _actual(own)
    return None


def judge_results(transcript: Transcript) -> Verdict:
    """The verdict on all results together: their form, and what they belong to."""
    findings = [
        *(_judge_unmatched(item, transcript.requests()) for item in transcript.unmatched),
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


def _judge_unmatched(item: ReceivedResult, requests: Sequence[Request]) -> Finding:
    if item.result is None:
        return Finding(
            _excerpt(item.arrival.body), "a message that can be read", item.problem, rules.READABLE
        )
    named = item.result.data.operation_id
    actual = f"operation_id {named!r}"
    for request in requests:
        if named == request.command_id:
            actual += f", which is the command_id of request {request.id}"
            break
    return Finding(_subject(item), "the id of a request", actual, rules.RESULT_OF)


def _publishing(item: ReceivedResult) -> Iterator[Finding]:
    arrival = item.arrival
    if arrival.routing_key not in {None, _RESULT_KEY}:
        yield Finding(
            _subject(item), _RESULT_KEY, f"routing key {arrival.routing_key!r}", rules.PUBLISHING
        )
    if arrival.is_persistent is False:
        yield Finding(_subject(item), "a persistent message", "a transient one", rules.PUBLISHING)


def _shared_ids(everything: Iterable[ReceivedResult]) -> Iterator[Finding]:
    """A finding for each result whose id another request's result had before."""
    owners: dict[tuple[str, str], str] = {}
    for item in everything:
        if item.result is None:
            continue
        request_id = item.result.data.operation_id
        owner = owners.setdefault((item.result.source, item.result.id), request_id)
        if owner != request_id:
            actual = f"the id of a result for {owner}"
            yield Finding(_subject(item), "an id of its own", actual, rules.RESULT_ID)


def _kinds(items: Iterable[ReceivedResult]) -> set[StepResult]:
    return {item.result.data.result for item in items if item.result is not None}


def _actual(items: Sequence[ReceivedResult]) -> str:
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


def _subject(item: ReceivedResult) -> str:
    if item.result is None:
        return _excerpt(item.arrival.body)
    return f"result {item.result.id!r} for {item.result.data.operation_id!r}"


def _excerpt(body: bytes) -> str:
    return f"message {body[:80].decode(errors='replace')!r}"
