"""The PBX of a campaign: carries out each request and reports it, except when it is silent."""

import heapq
import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from pamqp import commands as amqp
from pamqp import header

from tests.campaign.judging.notes import ACTIVATE, Note

EXCHANGE, ROUTING_KEY = "telephony.pbx.results", "pbx.result"
REQUESTS = frozenset({"handsets", "groups", "extensions"})
OUTAGE_EVERY_SECONDS, OUTAGE_SECONDS = 40, 3
DAWDLES_SECONDS = 2.0
PROPERTIES_OFFSET = 12


class Fault(NamedTuple):
    """How a PBX treats some requests at first."""

    percent: int
    attempts: int
    """How many attempts it treats so; it does the next one."""
    results: tuple[str, ...]
    seconds: float = 0


FAULTS = (
    Fault(4, 1, ()),
    Fault(1, 2, ()),
    Fault(3, 1, ("retry_later",)),
    Fault(3, 1, ("done",), seconds=DAWDLES_SECONDS),
    Fault(3, 1, ("done", "done")),
)
USUAL = Fault(0, 0, ("done",))


class Pbx:
    """Takes requests, and has a result for each when it is due.

    The id of a request determines its fault. All requests that arrive during an outage are lost.
    """

    def __init__(self) -> None:
        self._attempts: Counter[str] = Counter()
        self._due: list[tuple[float, str, int, str]] = []

    def take(self, note: Note) -> None:
        """Carries the request out, if the note is one."""
        is_activation = (note.kind, note.about) == ("PENDING", ACTIVATE)
        if note.place not in REQUESTS and not is_activation:
            return
        fault = _fault_of(note.id)
        if fault is not USUAL:
            self._attempts[note.id] += 1
        attempt = self._attempts[note.id]
        if time.time() % OUTAGE_EVERY_SECONDS < OUTAGE_SECONDS:
            return
        reaction = fault if attempt <= fault.attempts else USUAL
        for result in reaction.results:
            heapq.heappush(self._due, (time.time() + reaction.seconds, note.id, attempt, result))

    def results(self) -> Iterator[tuple[str, str, bytes, bytes]]:
        """The results that are due, each as exchange, routing key, properties and body."""
        while self._due and self._due[0][0] <= time.time():
            _, step_id, attempt, result = heapq.heappop(self._due)
            yield EXCHANGE, ROUTING_KEY, PROPERTIES, _body(step_id, attempt, result)


def _fault_of(step_id: str) -> Fault:
    place = crc32(step_id.encode()) % 100
    for fault in FAULTS:
        if place < fault.percent:
            return fault
        place -= fault.percent
    return USUAL


def _body(step_id: str, attempt: int, result: str) -> bytes:
    event = {
        "specversion": "1.0",
        "id": f"{attempt} {step_id}",
        "source": "/campaign/pbx",
        "type": "telephony.pbx.result.v1",
        "data": {"operation_id": step_id, "result": result},
    }
    return json.dumps(event).encode()


def _properties() -> bytes:
    properties = amqp.Basic.Properties(content_type="application/cloudevents+json", delivery_mode=2)
    return header.ContentHeader(0, 0, properties).marshal()[PROPERTIES_OFFSET:]


PROPERTIES = _properties()
