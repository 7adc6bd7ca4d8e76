"""The order of log records: decisions before the operations that they began."""

from collections.abc import Sequence

from typing_extensions import override

from tests.support.builders import RESERVED, activate, complete_number, pending_number
from worker.core.batch import Advanced
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter, Telling


class Noting(Reporter):
    def __init__(self, told: list[str]) -> None:
        super().__init__(Metrics())
        self._told = told

    @override
    def advanced(self, items: Sequence[Advanced]) -> None:
        self._told += [item.before.phone_number for item in items]


def test_decisions_are_logged_before_the_operations_that_they_began() -> None:
    told: list[str] = []
    telling = Telling(Noting(told))
    telling.before.append(lambda: told.append("decided"))
    pending = pending_number(RESERVED, activate())
    telling.tell()
    assert not told
    telling.add([Advanced(pending, complete_number(pending))])
    telling.tell()
    telling.tell()

    assert told == ["decided", RESERVED.phone_number]
