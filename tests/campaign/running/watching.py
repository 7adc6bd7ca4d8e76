"""Watches a campaign: throughput, and the time to recover from each fault."""

import asyncio
import time
from dataclasses import asdict, dataclass, field
from statistics import quantiles

from tests.campaign.planning.schedule import Fault
from tests.campaign.running.counters import Counters

POLL_SECONDS = 0.02
SAMPLE_SECONDS = 0.5
UNDER_WAY_SECONDS = 0.15
"""An event that arrives so soon after a fault was published before it."""
SAMPLED = ("published", "confirmed", "answered", "noted")


@dataclass
class Incident:
    """A fault that was injected."""

    fault: Fault
    track: str
    began: float
    """Seconds since the campaign began."""
    ended: float = 0
    detail: str = ""
    recovered_seconds: float | None = None
    """From its end to the next event that was published afterwards."""
    alone: bool = True
    """Whether no other fault happened between its beginning and its recovery."""


@dataclass(frozen=True)
class Sample:
    """The counters at one moment."""

    seconds: float
    published: int
    confirmed: int
    answered: int
    noted: int


@dataclass
class Watch:
    """Samples the counters and records incidents."""

    counters: Counters
    began: float = field(default_factory=time.time)
    samples: list[Sample] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    moved: float = field(default_factory=time.time)
    """When a message last arrived."""
    _ongoing: list[Incident] = field(default_factory=list)
    _waiting: list[tuple[float, Incident]] = field(default_factory=list)
    _noted: int = 0

    @property
    def seconds(self) -> float:
        """Since the campaign began."""
        return time.time() - self.began

    @property
    def idle_seconds(self) -> float:
        """Since a message last arrived."""
        return time.time() - self.moved

    def is_disturbed(self, *tracks: str) -> bool:
        """Whether a fault of these tracks is being injected."""
        return any(incident.track in tracks for incident in self._ongoing)

    def begin(self, fault: Fault, track: str) -> Incident:
        """Records that a fault begins."""
        others = [*self._ongoing, *(waiting for _, waiting in self._waiting)]
        incident = Incident(fault, track, began=self.seconds, alone=not others)
        for other in others:
            other.alone = False
        self._ongoing.append(incident)
        self.incidents.append(incident)
        return incident

    def end(self, incident: Incident, detail: str) -> None:
        """Records that the fault is over, so that the recovery begins."""
        incident.ended, incident.detail = self.seconds, detail
        self._ongoing.remove(incident)
        self._waiting.append((time.time(), incident))

    async def run(self) -> None:
        """Watches until it is cancelled."""
        while True:
            self._poll()
            await asyncio.sleep(POLL_SECONDS)

    def _poll(self) -> None:
        now = time.time()
        published = self.counters["last_event_microseconds"] / 1e6 - UNDER_WAY_SECONDS
        for since, incident in [item for item in self._waiting if item[0] < published]:
            incident.recovered_seconds = now - since
            self._waiting.remove((since, incident))
        if self.counters["noted"] != self._noted:
            self._noted, self.moved = self.counters["noted"], now
        if not self.samples or self.seconds >= self.samples[-1].seconds + SAMPLE_SECONDS:
            counts = {name: self.counters[name] for name in SAMPLED}
            self.samples.append(Sample(self.seconds, **counts))

    def recoveries(self) -> dict[str, dict[str, float]]:
        """Percentiles of the recovery time in seconds, for each kind of fault."""
        times: dict[str, list[float]] = {}
        for incident in self.incidents:
            if incident.recovered_seconds is not None:
                times.setdefault(_group(incident), []).append(incident.recovered_seconds)
        return {name: _percentiles(values) for name, values in sorted(times.items())}

    def as_dict(self) -> dict[str, object]:
        """All records, for the report."""
        return {
            "recovery_seconds": self.recoveries(),
            "incidents": [asdict(incident) for incident in self.incidents],
            "samples": [asdict(sample) for sample in self.samples],
        }


def _group(incident: Incident) -> str:
    workers = incident.fault in {Fault.WORKER_KILL, Fault.WORKER_RESTART}
    words = [incident.detail] if workers else []
    words += [] if incident.alone else ["not alone"]
    return f"{incident.fault} ({', '.join(words)})" if words else str(incident.fault)


def _percentiles(values: list[float]) -> dict[str, float]:
    hundred = quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    found = {"count": len(values), "p50": hundred[49], "p95": hundred[94], "p99": hundred[98]}
    return {name: round(value, 3) for name, value in {**found, "max": max(values)}.items()}
