"""The verdict on a run. What proves nothing is not a pass."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.campaign.ledger import ALLOWED, Finding
from tests.campaign.schedule import Fault

GOOD, BAD, INCONCLUSIVE = "GOOD", "BAD", "INCONCLUSIVE"
PROVEN_AT_REST = frozenset({"lost", "final state", "left over", "counters"})
"""What may be missing only because it is still under way."""


@dataclass(frozen=True)
class Course:
    """How the run went, apart from what was heard."""

    commands_wanted: int
    commands_confirmed: int
    commands_answered: int
    faults_wanted: Mapping[Fault, int]
    faults_done: Mapping[Fault, int]
    at_rest: bool
    """Whether nothing was under way any more when the servers were looked at."""
    worker_troubles: int = 0
    """How often a worker ended by itself, or met what it did not expect."""
    troubles: tuple[str, ...] = ()
    """What went wrong with the campaign itself."""


@dataclass(frozen=True)
class Verdict:
    """The word, and the reasons where it is not good."""

    word: str
    reasons: tuple[str, ...] = ()


def judge(findings: Mapping[str, Finding], course: Course) -> Verdict:
    """Bad when something is wrong; else inconclusive when something was not tried."""
    wrong = tuple(
        f"{finding.count} {name}"
        for name, finding in findings.items()
        if finding.count and name not in ALLOWED and (course.at_rest or name not in PROVEN_AT_REST)
    )
    if course.worker_troubles:
        wrong += (f"{course.worker_troubles} times a worker failed by itself",)
    if wrong:
        return Verdict(BAD, (*wrong, *_doubts(course)))
    doubts = _doubts(course)
    return Verdict(INCONCLUSIVE, doubts) if doubts else Verdict(GOOD)


def _doubts(course: Course) -> tuple[str, ...]:
    doubts = list(course.troubles)
    if not course.at_rest:
        doubts.append("not everything came to rest in time")
    if not course.commands_wanted or course.commands_confirmed < course.commands_wanted:
        doubts.append(
            f"{course.commands_confirmed} of {course.commands_wanted} commands were confirmed"
        )
    if not course.commands_answered:
        doubts.append("no command was answered")
    doubts += [
        f"{course.faults_done.get(kind, 0)} of {wanted} times: {kind}"
        for kind, wanted in course.faults_wanted.items()
        if course.faults_done.get(kind, 0) < wanted
    ]
    return tuple(doubts)
