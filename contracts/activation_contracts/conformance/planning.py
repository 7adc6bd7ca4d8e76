"""Chooses the cases of a run, and gives each a number and a sequence."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple, Self
from uuid import UUID, uuid4

from activation_contracts.conformance.cases import CASES, Case
from activation_contracts.conformance.request_factory import RequestFactory, Subject
from activation_contracts.conformance.requests import Request
from activation_contracts.values import Step

__all__ = ["COMMON_STEPS", "Identity", "Inventory", "Plan", "PlannedCase", "plan"]

COMMON_STEPS: Final = (Step.HUNT_GROUP_MEMBERSHIP, Step.HANDSET_LOGOUT, Step.EXTENSION_RESET)
"""The steps that each PBX is asked for. The activation is a choice of the PBX."""

_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)
_FILES: Final = UUID("c0f0a3c1-0000-5000-8000-7e1e90a11001")
"""Never changes: results are compared with messages that were written earlier."""


@dataclass(frozen=True, slots=True)
class Inventory:
    """What the PBX under test knows."""

    phone_numbers: tuple[str, ...]
    """Empty: a number that is reserved for fiction for each case."""
    extension: str
    account_id: str
    site_id: str
    hunt_groups: tuple[str, str]
    devices: tuple[str, str]

    def subject(self, index: int) -> Subject:
        """The subject of the case with this index in the table."""
        numbers = self.phone_numbers
        number = numbers[index % len(numbers)] if numbers else f"+442079460{300 + index}"
        return Subject(
            phone_number=number,
            extension=self.extension,
            account_id=self.account_id,
            site_id=self.site_id,
            hunt_groups=self.hunt_groups,
            devices=self.devices,
        )


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes the messages of one run differ from those of another."""

    run: UUID
    first_sequence: int
    now: datetime

    @classmethod
    def of_a_run(cls, now: datetime) -> Self:
        """For messages that are sent: a PBX may remember the ids and sequences of earlier runs.

        The sequences of a run with one number reach those of a run that starts ten seconds later.
        """
        tenths = int((now - _EPOCH).total_seconds() * 10)
        return cls(uuid4(), tenths, now)

    @classmethod
    def of_files(cls) -> Self:
        """For messages in files: always the same."""
        return cls(_FILES, 1, datetime(2026, 11, 24, 9, tzinfo=UTC))


class PlannedCase(NamedTuple):
    """A case with its requests."""

    case: Case
    requests: tuple[Request, ...]

    @property
    def phone_number(self) -> str:
        """The number that it is about."""
        return self.requests[0].message.data.phone_number

    @property
    def phone_numbers(self) -> set[str]:
        """All numbers that its messages name."""
        return {request.message.data.phone_number for request in self.requests}

    @property
    def sequences(self) -> int:
        """How many sequences of a number it uses."""
        found = [request.message.data.sequence for request in self.requests]
        return max(found) - min(found) + 1

    @property
    def steps(self) -> frozenset[Step]:
        """The steps that the PBX has to support."""
        return frozenset(request.step for request in self.requests)


class Plan(NamedTuple):
    """The cases that run, and for each other one the option that includes it."""

    cases: tuple[PlannedCase, ...]
    not_run: dict[str, str]


def plan(
    data: Inventory,
    identity: Identity,
    *,
    steps: Collection[Step],
    names: Collection[str] = (),
    restarts: bool,
) -> Plan:
    """Chooses the cases for these steps; with `names`, among the cases of these names.

    `restarts` says whether the PBX can be restarted.
    """
    cases = []
    not_run: dict[str, str] = {}
    used: Counter[str] = Counter()
    for index, case in enumerate(CASES):
        if names and case.name not in names:
            continue
        subject = data.subject(index)
        first = identity.first_sequence + used[subject.phone_number]
        make = RequestFactory(identity.run, case.name, subject, first, identity.now)
        planned = PlannedCase(case, case.requests(make))
        if missing := sorted(planned.steps - {*steps}):
            not_run[case.name] = f"--steps {','.join(missing)}"
        elif case.restarts_the_pbx and not restarts:
            not_run[case.name] = "--restart-command"
        elif data.phone_numbers and planned.phone_numbers != {subject.phone_number}:
            not_run[case.name] = "without --number"
        else:
            cases.append(planned)
            used[subject.phone_number] += planned.sequences
    return Plan(tuple(cases), not_run)
