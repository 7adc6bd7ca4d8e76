"""The verdict on a run. A run that proves nothing does not pass."""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.campaign.judging.ledger import ALLOWED, Finding
from tests.campaign.planning.schedule import Fault

GOOD, BAD, INCONCLUSIVE = "GOOD", "BAD", "INCONCLUSIVE"
PROVEN_WHEN_IDLE = frozenset(
    {"lost", "gaps", "final state", "left over", "counters", "shortages", "conflicts", "records"}
)
"""Sets that count only if the workers were idle: otherwise what is missing may still arrive."""


@dataclass(frozen=True)
class RunSummary:
    """The progress of the run, apart from the findings."""

    commands_wanted: int
    commands_confirmed: int
    commands_answered: int
    faults_wanted: Mapping[Fault, int]
    faults_done: Mapping[Fault, int]
    exercised: Mapping[str, int]
    """How often something happened that must have happened for the run to prove anything."""
    is_idle: bool
    """Whether nothing was under way when the final state was read."""
    worker_troubles: int = 0
    """The number of unplanned exits and unexpected errors of workers."""
    troubles: tuple[str, ...] = ()
    """Faults of the campaign itself."""


@dataclass(frozen=True)
class Verdict:
    """GOOD, BAD or INCONCLUSIVE, and the reasons if it is not GOOD."""

    word: str
    reasons: tuple[str, ...] = ()


def judge(findings: Mapping[str, Finding], summary: RunSummary) -> Verdict:
    """BAD if anything is wrong; otherwise INCONCLUSIVE if not all commands and faults were run."""
    wrong = tuple(
        f"{finding.count} {name}"
        for name, finding in findings.items()
        if finding.count
        and name not in ALLOWED
        and (summary.is_idle or name not in PROVEN_WHEN_IDLE)
    )
    if summary.worker_troubles:
        wrong += (f"{summary.worker_troubles} unplanned failures of workers",)
    if wrong:
        return Verdict(BAD, (*wrong, *_doubts(summary)))
    doubts = _doubts(summary)
    return Verdict(INCONCLUSIVE, doubts) if doubts else Verdict(GOOD)


def _doubts(summary: RunSummary) -> tuple[str, ...]:
    doubts = list(summary.troubles)
    if not summary.is_idle:
        doubts.append("the workers did not become idle in time")
    if not summary.commands_wanted or summary.commands_confirmed < summary.commands_wanted:
        doubts.append(
            f"{summary.commands_confirmed} of {summary.commands_wanted} commands were confirmed"
        )
    doubts += [f"no {name}" for name, count in summary.exercised.items() if not count]
    if not summary.commands_answered:
        doubts.append("no command was answered")
    doubts += [
        f"{summary.faults_done.get(kind, 0)} of {wanted} times: {kind}"
        for kind, wanted in summary.faults_wanted.items()
        if summary.faults_done.get(kind, 0) < wanted
    ]
    return tuple(doubts)
