"""The gauge of the messages in the dead-letter queue, by reason.

A queue says how many messages it holds, and not which ones: to look at them means to be delivered
them, and the broker counts each delivery towards a limit. So the reasons are those that the workers
have counted (`queued_dead_letters`), and all other messages were put there by the broker.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from activation_contracts.dead_letters import DeadLetterCode
from activation_contracts.reading import ReadErrorCode
from prometheus_client.metrics_core import GaugeMetricFamily, Metric

from worker.telemetry.metrics.database_gauges import DatabaseFigures
from worker.telemetry.metrics.declaring import OTHER, Domain, anything_of
from worker.telemetry.process_counters import PREFIX

__all__ = ["BROKER", "DOMAINS", "DeadLetterGauge", "letters_of"]

NAME: Final = f"{PREFIX}_dead_letters"
BROKER: Final = "broker"
COUNTED: Final = (
    *ReadErrorCode,
    DeadLetterCode.CANNOT_BE_STORED,
    DeadLetterCode.KILLS_THE_WORKER,
    OTHER,
)
DOMAINS: Final[Mapping[str, Mapping[str, Domain]]] = {
    NAME: {"code": anything_of((*COUNTED, BROKER))}
}
"""The domain of its label."""


class DeadLetterGauge:
    """Collects the gauge; absent while the broker or the database does not say what it needs."""

    def __init__(self, figures: Callable[[], DatabaseFigures | None]) -> None:
        self._figures = figures
        self.messages: int | None = None
        """How many messages are in the dead-letter queue; None if that is unknown."""

    def describe(self) -> list[Metric]:
        """Nothing: whether it exists depends on both servers."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The gauge, if both servers have answered."""
        figures = self._figures()
        if figures is not None and self.messages is not None:
            yield letters_of(figures.queued_dead_letters, self.messages)


def letters_of(counted: Mapping[str, int], messages: int) -> Metric:
    """The gauge for these counts of workers, and so many messages in the queue."""
    family = GaugeMetricFamily(
        NAME,
        "Messages in the dead-letter queue, by reason. `broker`: the broker put them there"
        " (`NOT_ROUTED`, `GIVEN_UP_BY_THE_BROKER`).",
        labels=["code"],
    )
    known = {code: counted.get(code, 0) for code in map(str, COUNTED)}
    known[OTHER] += sum(letters for code, letters in counted.items() if code not in known)
    # The two servers were asked at different moments.
    known[BROKER] = max(0, messages - sum(counted.values()))
    for code, letters in known.items():
        family.add_metric([code], letters)
    return family
