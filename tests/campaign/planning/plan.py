"""The commands of a campaign, and the order in which they are published; fixed by the seed."""

import heapq
import itertools
import json
import random
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from tests.campaign.planning.world import GUEST, Holder, Number, World, numbers_of

REPEATED = 0.10
MOVED = 0.05
MOVED_AT_MOST = 60
REPEAT_AFTER_ABOUT = 100
STRAY = 0.04
BY_GUEST = 0.3
"""The share of the commands for a number that moves that come from the guest."""
HOPELESS = 0.1
THERE_AND_BACK = 0.15
BURST_AT_MOST = 40
MAIN_NUMBER_DEACTIVATED = 0.003
LONG_AGO = "2020-01-01T00:00:00Z"


class Message(Protocol):
    """A message that the campaign publishes, and publishes again until it is confirmed."""

    @property
    def position(self) -> int: ...
    @property
    def id(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def exchange(self) -> str: ...
    @property
    def routing_key(self) -> str: ...
    @property
    def body(self) -> bytes: ...


class Command(NamedTuple):
    """One command; its position in the plan is its id."""

    position: int
    operation: str
    phone_number: str
    account_id: str
    site_id: str
    expired: bool = False

    @property
    def id(self) -> str:
        """The command's id in its message, and in every message that follows from it."""
        return f"{self.position:07}"

    @property
    def type(self) -> str:
        """The type of the message."""
        return f"telephony.phone_number.{self.operation}.v1"

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.phone_number

    @property
    def exchange(self) -> str:
        """Where it is published."""
        return "telephony.commands"

    @property
    def routing_key(self) -> str:
        """The operation; every third number is sent in bulk, because order is that of a queue."""
        in_bulk = ".bulk" if int(self.phone_number[-2:]) % 3 == 0 else ""
        return f"phone_number.{self.operation}{in_bulk}"

    @property
    def body(self) -> bytes:
        """The message, the same at each repeat."""
        event = {
            "specversion": "1.0",
            "id": self.id,
            "source": "/campaign",
            "type": self.type,
            "subject": self.phone_number,
            **({"expirytime": LONG_AGO} if self.expired else {}),
            "data": {
                "phone_number": self.phone_number,
                "account_id": self.account_id,
                "site_id": self.site_id,
            },
        }
        return json.dumps(event).encode()


class Emission(NamedTuple):
    """The publication of a message, or of its repeat."""

    place: float
    message: Message
    repeat: bool


def commands(world: World, seed: int, count: int) -> Iterator[Command]:
    """Bursts for one holder after another, with invalid commands among them."""
    dice = random.Random(f"commands {seed}")
    active = {number.phone_number for number in numbers_of(world) if number.status == "ACTIVE"}
    position = 0
    while position < count:
        holder = dice.choice(world)
        for operation, number in _burst(dice, holder, active):
            if position == count:
                return
            yield _command(dice, world, position, operation, number)
            position += 1


def emissions(planned: Iterable[Command], seed: int) -> Iterator[Emission]:
    """The publications of every command; some come late, and some commands are repeated."""
    dice = random.Random(f"emissions {seed}")
    return repeats((Emission(_place(dice, item), item, repeat=False) for item in planned), dice)


def _place(dice: random.Random, command: Command) -> float:
    late = dice.uniform(1, MOVED_AT_MOST) if dice.random() < MOVED else 0
    return command.position + late


def repeats(originals: Iterable[Emission], dice: random.Random) -> Iterator[Emission]:
    """These publications and repeats of some, by their places, of which none is `MOVED_AT_MOST`
    before that of an earlier publication.
    """
    waiting: list[tuple[float, int, Emission]] = []
    order = itertools.count()
    for emission in originals:
        heapq.heappush(waiting, (emission.place, next(order), emission))
        if dice.random() < REPEATED:
            again = emission.place + dice.expovariate(1 / REPEAT_AFTER_ABOUT)
            repeat = emission._replace(place=again, repeat=True)
            heapq.heappush(waiting, (again, next(order), repeat))
        while waiting and waiting[0][0] <= emission.place - MOVED_AT_MOST:
            yield heapq.heappop(waiting)[-1]
    while waiting:
        yield heapq.heappop(waiting)[-1]


def _burst(dice: random.Random, holder: Holder, active: set[str]) -> Iterator[tuple[str, Number]]:
    operation = "activate" if dice.random() < 0.55 else "deactivate"
    fitting = [number for number in holder.numbers if _fits(dice, number, operation, active)]
    chosen = dice.sample(fitting, min(len(fitting), dice.randint(1, BURST_AT_MOST)))
    yield from ((operation, number) for number in chosen)
    if dice.random() < THERE_AND_BACK:
        back = "deactivate" if operation == "activate" else "activate"
        yield from ((back, number) for number in chosen if not number.main)
    elif operation == "deactivate":
        active.difference_update(number.phone_number for number in chosen)
    else:
        used = sum(number.phone_number in active for number in holder.numbers)
        # A burst may exceed the voice services; the worker refuses the rest.
        free = max(0, holder.services - used)
        active.update(number.phone_number for number in chosen[:free])


def _fits(dice: random.Random, number: Number, operation: str, active: set[str]) -> bool:
    if (number.phone_number in active) != (operation == "deactivate"):
        return False
    if number.main and operation == "deactivate":
        return dice.random() < MAIN_NUMBER_DEACTIVATED
    return number.status not in {"AVAILABLE", "COOLDOWN"} or dice.random() < HOPELESS


def _command(
    dice: random.Random, world: World, position: int, operation: str, number: Number
) -> Command:
    account = number.account_id or "account-0"
    if number.moves and dice.random() < BY_GUEST:
        account = GUEST
    usual = Command(position, operation, number.phone_number, account, number.site_id)
    if dice.random() >= STRAY:
        return usual
    stranger = dice.choice(dice.choice(world).numbers)
    strays = (
        usual._replace(phone_number=f"+4930{dice.randrange(10**8):08}"),
        usual._replace(account_id="account-unknown"),
        usual._replace(site_id="elsewhere"),
        usual._replace(expired=True),
        # Any number, in any state.
        usual._replace(
            phone_number=stranger.phone_number,
            account_id=stranger.account_id or "account-0",
            site_id=stranger.site_id,
            operation="activate" if stranger.main else operation,
        ),
    )
    return dice.choice(strays)
