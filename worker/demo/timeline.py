"""The demo's subscriber: a process of its own that writes down what passes, as a timeline."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import aio_pika
import click
from aio_pika.abc import AbstractIncomingMessage

from contracts.topology import DEAD_LETTER_QUEUE
from worker.demo.sample import BURST_NUMBERS
from worker.demo.web_tier import BURST

READY: Final = "The subscriber listens."
SOURCES: Final = (("telephony.commands", "#"), ("telephony.events", "#"), ("telephony.pbx", "#"))
COLOURS: Final = {"PENDING": "yellow", "ACTIVE": "green", "RESERVED": "cyan"}

_TROUBLE: Final = {
    "phone_number.operation_delayed": ("late", "{message}", "yellow"),
    "phone_number.operation_failed": ("failed", "{phone_number} ({account_id}) {detail}", "red"),
}
"""The word for it, what is told, and its colour."""

Event = Mapping[str, Any]


class Timeline:
    """Prints what passes; of a burst, only how it went."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._burst: Counter[str] = Counter()
        self._burst_commands: set[str] = set()
        self._commands: set[str] = set()
        self.finished = asyncio.Event()

    async def note(self, message: AbstractIncomingMessage) -> None:
        """A message has passed."""
        try:
            event = json.loads(message.body)
        except ValueError:
            return
        if self._is_burst(event):
            self._count(event)
        else:
            self._print(*_told(event))
            if _is_command(event) and event["id"] in self._commands:
                self._print("  known", "the same command once more: nothing follows of it", "white")
            self._commands.add(event["id"])

    async def note_dead_letter(self, message: AbstractIncomingMessage) -> None:
        """A message could not be read."""
        code, detail = (str(message.headers[f"x-error-{part}"]) for part in ("code", "detail"))
        body = message.body.decode(errors="replace")
        self._print("dead letter", f"{body!r} is kept whole; {code}: {detail}", "magenta")

    def _is_burst(self, event: Event) -> bool:
        data = event["data"]
        if data.get("requested_by") == BURST and _is_command(event):
            if not self._burst_commands:
                self._print("burst", f"{len(BURST_NUMBERS)} numbers at once for bolt", "white")
            self._burst_commands.add(event["id"])
        return data.get("command_id", event["id"]) in self._burst_commands

    def _count(self, event: Event) -> None:
        data = event["data"]
        outcome = data.get("code") or data.get("status")
        if outcome in (None, "PENDING"):
            return
        self._burst[outcome] += 1
        if self._burst.total() == len(BURST_NUMBERS):
            told = ", ".join(f"{count} {outcome}" for outcome, count in self._burst.items())
            self._print("burst", f"{told}; bolt has bought 40 voice services", "white")
            self.finished.set()

    def _print(self, kind: str, what: str, colour: str) -> None:
        seconds = time.monotonic() - self._began
        click.echo(f"{seconds:6.2f} s  {click.style(f'{kind:<12}', fg=colour)} {what}")


def _is_command(event: Event) -> bool:
    return "command_id" not in event["data"]


def _told(event: Event) -> tuple[str, str, str]:
    data, kind = event["data"], event["type"].removeprefix("telephony.").removesuffix(".v1")
    number = f"{data['phone_number']} ({data['account_id']})"
    if kind in _TROUBLE:
        word, told, colour = _TROUBLE[kind]
        return f"  {word}", told.format_map(data), colour
    if _is_command(event):
        asked = f"{kind.rpartition('.')[2]} {number}: {data['requested_by']}"
        return "COMMAND", click.style(asked, bold=True), "white"
    if "code" in data:
        return "  refused", f"{number} {data['code']}. {data['message']}", "red"
    if "status" in data:
        return f"  {data['status']}", f"{number} {_status(data)}", COLOURS[data["status"]]
    return "  to the PBX" if "sequence" in data else "  a person", _asked_for(kind, data), "blue"


def _status(data: Event) -> str:
    usage = data["entitlement"]
    told = f"{usage['active']} active + {usage['pending']} pending of {usage['limit']} services"
    if data.get("awaiting"):
        told += "; waits for " + ", ".join(step["step"] for step in data["awaiting"])
    if data.get("settings_cleared"):
        told += "; cleared " + ", ".join(data["settings_cleared"])
    return told


def _asked_for(kind: str, data: Event) -> str:
    number = data["phone_number"]
    match kind:
        case "handset.logout":
            return f"log {number} out of {data['device_id']}"
        case "hunt_group.membership":
            preposition = "to" if data["action"] == "add" else "from"
            return f"{data['action']} {number} {preposition} hunt group {data['hunt_group_id']}"
        case "extension.reset":
            return f"reset extension {data['extension']}: {len(data['clear'])} settings, the PIN"
        case _:
            return f"log {number} out of {data['device_id']} ({data['device_kind']}) by hand"


async def main() -> None:
    """Listens until the burst is over."""
    timeline = Timeline()
    async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=10) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        for exchange, routing_key in SOURCES:
            await queue.bind(exchange, routing_key)
        await queue.consume(timeline.note, no_ack=True)
        dead_letters = await channel.get_queue(DEAD_LETTER_QUEUE, ensure=False)
        await dead_letters.consume(timeline.note_dead_letter, no_ack=True)
        click.echo(READY)
        await timeline.finished.wait()


if __name__ == "__main__":
    asyncio.run(main())
