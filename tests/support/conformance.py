"""A PBX without a broker, for the conformance kit: requests in, results out."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from uuid import UUID

from activation_contracts.conformance.arguments import options_of
from activation_contracts.conformance.planning import Identity, PlannedCase, plan
from activation_contracts.fake_pbx.behaviour import parse_fault
from activation_contracts.fake_pbx.pbx import MESSAGES, FakePbx, step_request
from activation_contracts.messages import PbxResult
from activation_contracts.reading import UnreadableError, read
from activation_contracts.values import Step

__all__ = ["NOW", "planned_cases", "results_of"]

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


def planned_cases(*names: str, restarts: bool = True) -> tuple[PlannedCase, ...]:
    """The cases of these names, by default all, as they are written into files."""
    data = options_of([]).data
    found = plan(data, Identity.of_files(), steps=tuple(Step), names=names, restarts=restarts)
    return found.cases


def results_of(bodies: Iterable[bytes], *faults: str) -> Iterator[PbxResult]:
    """The results of the fake PBX; it asks itself again after each `retry_later`."""
    pbx = FakePbx([parse_fault(fault) for fault in faults], site_id=None, run=UUID(int=1))
    for body in bodies:
        try:
            request = step_request(read(body, None, MESSAGES))
        except UnreadableError:
            continue
        if request is None or pbx.is_outdated(request):
            continue
        while True:
            result = pbx.carry_out(pbx.begin(request, redelivered=False), NOW)
            yield result
            if result.data.result != "retry_later":
                break
