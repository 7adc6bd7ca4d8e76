"""The subscriber of the demo: a process that prints all messages as a timeline."""

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

import aio_pika
import click
from activation_contracts.topology import DEAD_LETTER_QUEUE
from aio_pika.abc import AbstractIncomingMessage

from worker.demo.sample import BURST_NUMBERS
from worker.demo.web_tier import BURST
from worker.runtime.printable import printable

READY: Final = "The subscriber is ready."
SOURCES: Final = (("telephony.commands", "#"), ("telephony.events", "#"), ("telephony.pbx", "#"))
COLOURS: Final = {"PENDING": "yellow", "ACTIVE": "green", "RESERVED": "cyan"}

_TEXTS: Final = {
    "directory.voice_service": (
        "DIRECTORY",
        "{account_id} has {quantity} voice services by now",
        "magenta",
    ),
    "directory.hunt_group_member": (
        "DIRECTORY",
        "{phone_number} was taken out of hunt group {hunt_group_id} by hand",
        "magenta",
    ),
    "phone_number.operation_delayed": ("  late", "{message}", "yellow"),
    "phone_number.operation_failed": ("  failed", "{phone_number} ({account_id}) {detail}", "red"),
    "phone_number.aftermath": (
        "  aftermath",
        "{phone_number} ({account_id}) {what} {state}: {detail}",
        "yellow",
    ),
}
"""By the kind of the message: the label, the text, and the colour."""

Event = Mapping[str, Any]


class Timeline:
    """Prints each message; of a burst, only its outcome."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._burst: Counter[str] = Counter()
        self._burst_commands: set[str] = set()
        self._commands: set[str] = set()
        self.finished = asyncio.Event()

    async def print_message(self, message: AbstractIncomingMessage) -> None:
        """Prints a command, an event or a PBX message."""
        try:
            event = printable(json.loads(message.body))
        except ValueError:
            return
        if self._is_burst(event):
            self._count(event)
        else:
            self._print(*_row_of(event))
            if _is_command(event) and event["id"] in self._commands:
                self._print("  repeat", "the same command again: it has no second effect", "white")
            self._commands.add(event["id"])

    async def print_dead_letter(self, message: AbstractIncomingMessage) -> None:
        """Prints a message of the dead-letter queue."""
        code, detail = (str(message.headers[f"x-error-{part}"]) for part in ("code", "detail"))
        body = message.body.decode(errors="replace")
        reason = printable(f"{code}: {detail}")
        self._print("dead letter", f"{body!r} is kept unchanged; {reason}", "magenta")

    def _is_burst(self, event: Event) -> bool:
        data = event["data"]
        if data.get("requested_by") == BURST and _is_command(event):
            if not self._burst_commands:
                self._print("burst", f"{len(BURST_NUMBERS)} numbers in bulk for bolt", "white")
            self._burst_commands.add(event["id"])
        return data.get("command_id", event["id"]) in self._burst_commands

    def _count(self, event: Event) -> None:
        data = event["data"]
        outcome = data.get("code") or data.get("status")
        if outcome in (None, "PENDING"):
            return
        self._burst[outcome] += 1
        if self._burst.total() == len(BURST_NUMBERS):
            outcomes = ", ".join(f"{count} {outcome}" for outcome, count in self._burst.items())
            self._print("burst", f"{outcomes}; bolt has bought 40 voice services", "white")
            self.finished.set()

    def _print(self, label: str, text: str, colour: str) -> None:
        seconds = time.monotonic() - self._began
        click.echo(f"{seconds:6.2f} s  {click.style(f'{label:<12}', fg=colour)} {text}")


def _is_command(event: Event) -> bool:
    return "command_id" not in event["data"]


def _row_of(event: Event) -> tuple[str, str, str]:
    data, kind = event["data"], event["type"].removeprefix("telephony.").removesuffix(".v1")
    if kind in _TEXTS:
        label, text, colour = _TEXTS[kind]
        return label, text.format_map(data), colour
    number = f"{data['phone_number']} ({data['account_id']})"
    if _is_command(event):
        command = f"{kind.rpartition('.')[2]} {number}: {data['requested_by']}"
        return "COMMAND", click.style(command, bold=True), "white"
    if "code" in data:
        return "  rejected", f"{number} {data['code']}. {data['message']}", "red"
    if "status" in data:
        return f"  {data['status']}", f"{number} {_status(data)}", COLOURS[data["status"]]
    label = "  by hand" if kind == "handset.manual_logout_required" else "  to the PBX"
    return label, _request_in(kind, data), "blue"


def _status(data: Event) -> str:
    usage = data["entitlement"]
    text = f"{usage['active']} active + {usage['pending']} pending of {usage['limit']} services"
    if data.get("awaiting"):
        text += "; awaits " + ", ".join(step["step"] for step in data["awaiting"])
    if data.get("settings_cleared"):
        text += "; cleared " + ", ".join(data["settings_cleared"])
    return text


def _request_in(kind: str, data: Event) -> str:
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
            return f"log {number} out of {data['device_id']} ({data['device_kind']})"


async def main() -> None:
    """Prints messages until the burst is over."""
    timeline = Timeline()
    async with await aio_pika.connect(os.environ["AMQP_URL"], timeout=10) as connection:
        channel = await connection.channel()
        queue = await channel.declare_queue(exclusive=True)
        for exchange, routing_key in SOURCES:
            await queue.bind(exchange, routing_key)
        await queue.consume(timeline.print_message, no_ack=True)
        dead_letters = await channel.get_queue(DEAD_LETTER_QUEUE, ensure=False)
        await dead_letters.consume(timeline.print_dead_letter, no_ack=True)
        click.echo(READY)
        await timeline.finished.wait()


if __name__ == "__main__":
    asyncio.run(main())
