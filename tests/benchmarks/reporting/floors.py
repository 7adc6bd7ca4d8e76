"""The floors that `make bench` judges; `worker/docs/performance.md` shows the same numbers."""

from typing import Final

from activation_contracts.values import Operation

from tests.benchmarks.reporting.figures import at_least, at_most

__all__ = [
    "BURST_BESIDE_CLICKS",
    "BUSY_WAITING_PERCENT",
    "CLICK",
    "FLAT_MEMORY",
    "GROWTH",
    "LONE_COMMAND",
    "PEER",
    "PROBE",
    "RESIDENT_MEBIBYTES",
    "START",
    "TABLES_READ_WHOLE",
]

PROBE: Final = {Operation.ACTIVATE: at_least(0.75), Operation.DEACTIVATE: at_least(0.6)}
"""Throughput of the worker / throughput of the probe."""
PEER: Final = at_least(8)
"""Throughput of the worker / throughput of a peer with one commit for each message."""
LONE_COMMAND: Final = at_most(4)
"""Median time of a lone command / median round trip of the probe."""
CLICK: Final = {
    "bulk queue": at_most(150),
    "same queue": at_most(500),
    "backlog in bulk": at_most(1000),
}
"""99 of 100 clicks are answered within so many milliseconds, beside what waits there."""
BURST_BESIDE_CLICKS: Final = at_least(0.9)
"""Throughput of a burst beside clicks / without."""
GROWTH: Final = at_least(0.85)
"""Throughput with grown data / throughput with small data."""
RESIDENT_MEBIBYTES: Final = at_most(150)
FLAT_MEMORY: Final = at_most(1.1)
"""Resident size at the end / resident size after a tenth of the commands."""

TABLES_READ_WHOLE: Final = at_most(0)
"""Large tables that a statement reads from end to end."""
BUSY_WAITING_PERCENT: Final = at_most(5)
"""Of the busy database sessions: those that wait for a lock of another worker."""
START: Final = at_most(1.5)
"""Time until the worker is ready / time of its imports and connections alone."""
