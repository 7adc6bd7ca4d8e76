"""The reasons by which dead letters are selected: their codes, and the labels of the metric."""

from collections.abc import Set as AbstractSet
from typing import Final

from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.reading import ReadErrorCode

from worker.storage.outbox.dead_letters import BY_THE_BROKER
from worker.telemetry.metrics.dead_letter_gauge import BROKER
from worker.telemetry.metrics.declaring import OTHER

__all__ = ["REASONS", "reasons_of"]

CODES: Final = (*map(str, ReadErrorCode), *map(str, DeadLetterCode))
REASONS: Final = (*CODES, BROKER, OTHER)
"""`BROKER` and `OTHER` stand for several codes, as in `activation_worker_dead_letters`."""


def reasons_of(code: str) -> AbstractSet[str]:
    """The reasons that select a letter with this code; that of a newer worker may be unknown."""
    if code not in CODES:
        return {OTHER}
    return {code, BROKER} if code in BY_THE_BROKER else {code}
