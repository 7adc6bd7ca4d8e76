"""Commands as the web tier publishes them, and the messages that each must cause."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import Activate, CommandData, Deactivate
from activation_contracts.values import Operation
from pamqp import commands as amqp
from pamqp import header

from tests.benchmarks.data.dataset import SITE, Dataset, account, phone_number

EXCHANGE = "telephony.commands"
SOURCE = "/benchmark/web-tier"
PROPERTIES_OFFSET = 12
"""The length of class, weight and size in a content header."""
CLASSES: dict[Operation, type[Activate | Deactivate]] = {
    Operation.ACTIVATE: Activate,
    Operation.DEACTIVATE: Deactivate,
}

FIRST_IDS = {Operation.ACTIVATE: 0, Operation.DEACTIVATE: 10_000_000}
ID_DIGITS = 8

EXPECTED = {
    Operation.ACTIVATE: ("PENDING", "ACTIVE"),
    Operation.DEACTIVATE: (
        "PENDING",
        "hunt_group.membership",
        "handset.logout",
        "extension.reset",
        "RESERVED",
    ),
}
"""The messages of a command; those of a deactivation are for a number in full use."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command; its id always has eight digits."""

    command_id: str
    operation: Operation
    index: int
    """Of the phone number in the dataset."""
    account_id: str

    @property
    def routing_key(self) -> str:
        """The routing key of the operation."""
        return f"phone_number.{self.operation}"

    def body(self, padding_bytes: int = 0) -> bytes:
        """The message, with an unknown field of this length, which every reader must ignore."""
        body = (
            _pattern(self.operation)
            .replace(b"IDENTIFIER", self.command_id.encode())
            .replace(b"+440000000000", phone_number(self.index).encode())
            .replace(b"ACCOUNT", self.account_id.encode())
        )
        if padding_bytes:
            return body[:-1] + b',"padding":"' + b"x" * padding_bytes + b'"}'
        return body

    def properties(self) -> bytes:
        """The encoded AMQP properties, which mirror the envelope."""
        properties = amqp.Basic.Properties(
            content_type=CONTENT_TYPE,
            delivery_mode=2,
            message_id=self.command_id,
            message_type=f"telephony.phone_number.{self.operation}.v1",
        )
        marshalled = header.ContentHeader(0, 0, properties).marshal()
        return bytes(marshalled[PROPERTIES_OFFSET:])


def plan_commands(
    operation: Operation, dataset: Dataset, count: int, seed: int, first: int = 0
) -> list[Command]:
    """Commands for different numbers, in an order that the seed determines.

    `first` skips the numbers that an earlier run on the same database has used.
    """
    choose = dataset.reserved if operation is Operation.ACTIVATE else dataset.in_use
    indexes = choose(first, count)
    random.Random(f"order {seed}").shuffle(indexes)
    return [
        Command(
            f"{FIRST_IDS[operation] + first + position:0{ID_DIGITS}}",
            operation,
            index,
            account(index, dataset.accounts),
        )
        for position, index in enumerate(indexes)
    ]


def expected_messages(commands: Iterable[Command]) -> Counter[tuple[str, str]]:
    """The command id and kind of every message that the commands must cause, each once."""
    return Counter(
        (command.command_id, kind) for command in commands for kind in EXPECTED[command.operation]
    )


@cache
def _pattern(operation: Operation) -> bytes:
    data = CommandData(
        phone_number="+440000000000", account_id="ACCOUNT", site_id=SITE, requested_by="Ada"
    )
    return CLASSES[operation](id="IDENTIFIER", source=SOURCE, data=data).encode()
