"""Commands as the web tier publishes them, and what must be said of each."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from pamqp import commands as amqp
from pamqp import header

from contracts.envelope import CONTENT_TYPE
from contracts.messages import Activate, CommandData, Deactivate
from contracts.values import Operation
from tests.benchmarks.worlds import SITE, World, account, phone_number

EXCHANGE = "telephony.commands"
SOURCE = "/benchmark/web-tier"
PROPERTIES_OFFSET = 12
"""Behind class, weight and size."""
CLASSES: dict[Operation, type[Activate | Deactivate]] = {
    Operation.ACTIVATE: Activate,
    Operation.DEACTIVATE: Deactivate,
}

FIRST_IDS = {Operation.ACTIVATE: 0, Operation.DEACTIVATE: 10_000_000}

SAID = {
    Operation.ACTIVATE: ("PENDING", "ACTIVE"),
    Operation.DEACTIVATE: (
        "PENDING",
        "hunt_group.membership",
        "handset.logout",
        "extension.reset",
        "RESERVED",
    ),
}
"""What is said of a command, on a number in full use where it is deactivated."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command on its way; its id is the place of its story, and has always eight digits."""

    command_id: str
    operation: Operation
    place: int
    account_id: str

    @property
    def routing_key(self) -> str:
        """Where the web tier sends it."""
        return f"phone_number.{self.operation}"

    def body(self, padding_bytes: int = 0) -> bytes:
        """The message; padding is a field that nobody knows, and everybody must ignore."""
        body = (
            _pattern(self.operation)
            .replace(b"IDENTIFIER", self.command_id.encode())
            .replace(b"+440000000000", phone_number(self.place).encode())
            .replace(b"ACCOUNT", self.account_id.encode())
        )
        if padding_bytes:
            return body[:-1] + b',"padding":"' + b"x" * padding_bytes + b'"}'
        return body

    def properties(self) -> bytes:
        """The AMQP properties, which mirror the envelope."""
        properties = amqp.Basic.Properties(
            content_type=CONTENT_TYPE,
            delivery_mode=2,
            message_id=self.command_id,
            message_type=f"telephony.phone_number.{self.operation}.v1",
        )
        marshalled = header.ContentHeader(0, 0, properties).marshal()
        return bytes(marshalled[PROPERTIES_OFFSET:])


def wanted(
    operation: Operation, world: World, count: int, seed: int, first: int = 0
) -> list[Command]:
    """So many commands on different numbers, in an order that the seed decides.

    `first` leaves out as many numbers, which an earlier run on the same database has used.
    """
    choose = world.reserved if operation is Operation.ACTIVATE else world.in_use
    places = choose(first, count)
    random.Random(f"order {seed}").shuffle(places)
    return [
        Command(
            f"{FIRST_IDS[operation] + first + index:08}",
            operation,
            place,
            account(place, world.accounts),
        )
        for index, place in enumerate(places)
    ]


def said_of(commands: Iterable[Command]) -> Counter[tuple[str, str]]:
    """What must be heard: the command's id and what is said, each once."""
    return Counter(
        (command.command_id, word) for command in commands for word in SAID[command.operation]
    )


@cache
def _pattern(operation: Operation) -> bytes:
    data = CommandData(
        phone_number="+440000000000", account_id="ACCOUNT", site_id=SITE, requested_by="Ada"
    )
    return CLASSES[operation](id="IDENTIFIER", source=SOURCE, data=data).encode()
