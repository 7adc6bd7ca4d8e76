"""The consumer of all queues of a campaign: `subscriber FOLDER COMMANDS`, by `AMQP_URL`.

It acknowledges a delivery after writing its note, answers for a PBX that is silent at times, and
runs until SIGTERM.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from pamqp import commands as amqp
from pydantic_core import from_json

from tests.campaign.judging.notes import BROKEN, UNREADABLE, Note, is_outcome, line_of, note_of
from tests.campaign.running.counters import Counters
from tests.campaign.running.pbx import Pbx
from tests.campaign.running.publisher import AGAIN_SECONDS, COUNTERS
from tests.support.contract.bodies import SampleCheck
from tests.support.faults.amqp_wire import ConnectionLost, Delivery, Wire

NOTES = "notes.tsv"
EVENTS = "campaign.events"
DEAD_LETTERS = "telephony.phone_number.commands.dead_letter"
QUEUES = {
    "events": EVENTS,
    "handsets": "pbx.handset-logout",
    "groups": "pbx.hunt-group-membership",
    "extensions": "pbx.extension-reset",
    "dead": DEAD_LETTERS,
}
PREFETCH = 1000
PAUSE_SECONDS = 0.02
QUIET_SECONDS = 1
SETTLED_SECONDS = 0.3


class Subscriber:
    """Writes a note of every delivery, counts the outcomes, and answers for the PBX."""

    def __init__(self, folder: Path, count: int, notes: TextIO) -> None:
        self._counters = Counters(folder / COUNTERS)
        self._answered = bytearray(count)
        self._notes = notes
        self._stopping = False
        self._connected = 0.0
        self._pbx = Pbx()
        self._contract = SampleCheck()

    def stop(self, *_: object) -> None:
        """Makes `run` return once no more messages arrive."""
        self._stopping = True

    def run(self, url: str) -> None:
        """Consumes until `stop` was called; reconnects whenever the connection is lost."""
        is_done = False
        while not is_done:
            try:
                wire = _consuming(url)
            except ConnectionLost:
                time.sleep(AGAIN_SECONDS)
                continue
            try:
                self._consume(wire)
                is_done = True
            except ConnectionLost:
                time.sleep(AGAIN_SECONDS)
            finally:
                wire.close()

    def _consume(self, wire: Wire) -> None:
        last = self._connected = time.monotonic()
        while not self._stopping or time.monotonic() < last + QUIET_SECONDS:
            deliveries = [item for item in wire.pump(PAUSE_SECONDS) if isinstance(item, Delivery)]
            if deliveries:
                self._note(deliveries)
                wire.acknowledge(deliveries[-1].tag)
                last = time.monotonic()
            for result in self._pbx.results():
                wire.publish(*result)
            # A short pause handles many deliveries at once.
            time.sleep(PAUSE_SECONDS)
        wire.pump(0)

    def _note(self, deliveries: Iterable[Delivery]) -> None:
        notes = [self._read(delivery) for delivery in deliveries]
        self._notes.writelines(map(line_of, notes))
        self._notes.flush()
        self._counters["noted"] += len(notes)
        for note in notes:
            self._count(note)
            self._pbx.take(note)

    def _count(self, note: Note) -> None:
        # Messages that arrive right after connecting were published before the broker was lost.
        settled = time.monotonic() > self._connected + SETTLED_SECONDS
        if settled and note.place == "events" and not note.redelivered:
            self._counters["last_event_microseconds"] = time.time_ns() // 1000
        if self._is_first_end(note):
            self._counters["answered"] += 1

    def _read(self, delivery: Delivery) -> Note:
        try:
            if delivery.consumer != "dead":
                return self._note_of(delivery)
            event: Any = from_json(delivery.body)
            identifier, number = event["id"], event["data"]["phone_number"]
        except (ValueError, LookupError, TypeError):
            identifier = number = repr(delivery.body[:200])
        # The headers contain the reason for the dead letter; the report shows them.
        reason = repr(delivery.properties)
        return Note(delivery.consumer, UNREADABLE, identifier, identifier, number, reason)

    def _note_of(self, delivery: Delivery) -> Note:
        """The note of a message that the worker sends; of each kind the first are checked."""
        note = note_of(delivery.consumer, delivery.body, redelivered=delivery.redelivered)
        problems = self._contract.problems(note.kind, delivery.body)
        return note._replace(kind=BROKEN, about=repr(problems)) if problems else note

    def _is_first_end(self, note: Note) -> bool:
        if not is_outcome(note) or not note.command_id.isdecimal():
            return False
        index = int(note.command_id)
        if index >= len(self._answered) or self._answered[index]:
            return False
        self._answered[index] = 1
        return True


def declare(url: str) -> None:
    """Declares a queue for all events."""
    wire = Wire(url)
    arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-delivery-limit": 1_000_000}
    wire.call(
        amqp.Queue.Declare(queue=EVENTS, durable=True, arguments=arguments),
        amqp.Queue.DeclareOk,
    )
    wire.call(
        amqp.Queue.Bind(queue=EVENTS, exchange="telephony.events", routing_key="#"),
        amqp.Queue.BindOk,
    )
    wire.close()


def _consuming(url: str) -> Wire:
    wire = Wire(url)
    try:
        wire.call(amqp.Basic.Qos(prefetch_count=PREFETCH), amqp.Basic.QosOk)
        for consumer, queue in QUEUES.items():
            wire.call(amqp.Basic.Consume(queue=queue, consumer_tag=consumer), amqp.Basic.ConsumeOk)
    except ConnectionLost:
        wire.close()
        raise
    return wire


def main() -> None:
    """Consumes until SIGTERM and until no more messages arrive."""
    folder, count = Path(sys.argv[1]), int(sys.argv[2])
    with (folder / NOTES).open("w", encoding="utf-8") as notes:
        subscriber = Subscriber(folder, count, notes)
        signal.signal(signal.SIGTERM, subscriber.stop)
        subscriber.run(os.environ["AMQP_URL"])


if __name__ == "__main__":
    main()
