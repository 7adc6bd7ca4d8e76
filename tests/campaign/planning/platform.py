"""What the platform says of its records during a campaign; fixed by the seed."""

import json
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import NamedTuple

from tests.campaign.planning.plan import Command, Emission, repeats
from tests.campaign.planning.world import (
    GUEST,
    Holder,
    Number,
    World,
    details_of,
    service_of,
    settings_of,
)

SHARE = 0.05
STALE = 0.2
KEYS: Mapping[str, tuple[str, ...]] = {
    "voice_service": ("service_id",),
    "phone_number": ("phone_number",),
    "call_settings": ("phone_number",),
    "hunt_group_member": ("hunt_group_id", "phone_number"),
    "handset_login": ("phone_number", "device_id"),
}
NUMBER_IN_USE, STATUS_NOT_ALLOWED = "NUMBER_IN_USE", "STATUS_NOT_ALLOWED"
SECOND_MAIN, LOGGED_IN = "SECOND_MAIN_NUMBER", "MAIN_NUMBER_IS_LOGGED_IN"
ALWAYS = frozenset({SECOND_MAIN, LOGGED_IN})
"""Conflicts that do not depend on the moment: each message that can meet one does."""
DATES: tuple[dict[str, object], ...] = (
    {},
    {},
    {},
    {"ends_on": "2020-01-01"},
    {"starts_on": "2999-01-01"},
)

Fields = dict[str, object]


class Statement(NamedTuple):
    """A directory message: the full state of a record, or its deletion."""

    position: int
    place: float
    kind: str
    key: tuple[str, ...]
    version: int
    fields: Fields
    deleted: bool = False
    conflict: str = ""
    """The conflict that it can meet."""

    @property
    def id(self) -> str:
        """Its id: unlike a command's, no number."""
        return f"d{self.position:07}"

    @property
    def subject(self) -> str:
        """The number or the service: statements about one are published one after the other."""
        return str(self.fields.get("phone_number") or self.fields["service_id"])

    @property
    def type(self) -> str:
        """The type of the message."""
        return f"telephony.directory.{self.kind}.v1"

    @property
    def exchange(self) -> str:
        """Where it is published."""
        return "telephony.directory"

    @property
    def routing_key(self) -> str:
        """The kind of the record."""
        return self.kind

    @property
    def body(self) -> bytes:
        """The message, the same at each repeat."""
        fields = dict(zip(KEYS[self.kind], self.key, strict=True)) if self.deleted else self.fields
        event = {
            "specversion": "1.0",
            "id": self.id,
            "source": "/campaign/platform",
            "type": self.type,
            "data": {**fields, "version": self.version, "deleted": self.deleted},
        }
        return json.dumps(event).encode()


def statements(world: World, seed: int, planned: Iterable[Command], window: int) -> list[Statement]:
    """The statements in the order of publication: most are about numbers of recent commands.

    `window` is how far the publisher is ahead of the answers: a number whose command was published
    so long ago is PENDING about now.
    """
    dice = random.Random(f"platform {seed}")
    platform = _Platform(world, dice)
    recent: list[str] = []
    for command in planned:
        recent.append(command.phone_number)
        if dice.random() < SHARE:
            back = min(len(recent), dice.randint(1, window))
            platform.speak(float(command.position), recent[-back])
    return platform.statements


def statement_emissions(said: Iterable[Statement], seed: int) -> Iterator[Emission]:
    """The publications of every statement; some are repeated."""
    return repeats(
        (Emission(item.place, item, repeat=False) for item in said),
        random.Random(f"statements {seed}"),
    )


class _Platform:
    """States a record or two at a time, and remembers what it said."""

    def __init__(self, world: World, dice: random.Random) -> None:
        self.statements: list[Statement] = []
        self._dice = dice
        self._world = world
        self._numbers = {
            number.phone_number: (holder, number) for holder in world for number in holder.numbers
        }
        self._versions: Counter[tuple[str, ...]] = Counter()
        self._moved: dict[str, Fields | None] = {}
        self._extras: dict[str, list[Fields]] = defaultdict(list)
        self._groups: dict[str, list[Fields]] = defaultdict(list)
        self._logins: dict[str, list[Fields]] = defaultdict(list)
        self._new = count()
        self._place = 0.0
        self._topics = {
            self._state_service: 6,
            self._state_membership: 5,
            self._state_login: 5,
            self._state_details: 5,
            self._state_move: 4,
            self._state_settings: 1,
            self._contradict: 1,
        }

    def speak(self, place: float, phone_number: str) -> None:
        """Makes a statement, or two that belong together, about the number or its holder."""
        self._place = place
        known = self._numbers.get(phone_number)
        holder, number = known or self._any()
        if self._is_missing(number):
            # Only its provisioning ends the wait of its other records.
            self._move(holder, number)
            return
        (topic,) = self._dice.choices(list(self._topics), list(self._topics.values()))
        topic(holder, number)

    def _is_missing(self, number: Number) -> bool:
        return self._moved.get(number.phone_number, {}) is None

    def _any(self) -> tuple[Holder, Number]:
        holder = self._dice.choice(self._world)
        return holder, self._dice.choice(holder.numbers)

    def _say(
        self,
        kind: str,
        fields: Fields,
        *,
        deleted: bool = False,
        ahead: int = 1,
        conflict: str = "",
    ) -> None:
        """States the record under its next version, or one that is further `ahead`."""
        key = tuple(str(fields[name]) for name in KEYS[kind])
        version = self._versions[kind, *key] + ahead
        if kind == "phone_number":
            # The held extension tells which version is held.
            fields = {**fields, "extension": f"v{version}"}
        self.statements.append(
            Statement(
                *(len(self.statements), self._place, kind, key, version),
                fields,
                deleted=deleted,
                conflict=conflict,
            )
        )
        self._versions[kind, *key] = max(version, self._versions[kind, *key])

    def _say_late(self, kind: str, older: Fields, newer: Fields, *, deleted: bool = False) -> None:
        """States two versions, the newer one first; `deleted` is about the newer one."""
        self._say(kind, newer, deleted=deleted, ahead=2)
        self._say(kind, older, ahead=-1)

    def _state_service(self, holder: Holder, _number: Number) -> None:
        if self._dice.random() < STALE:
            holder = Holder(GUEST, holder.site_id, 3, ())
        base, extras = service_of(holder), self._extras[holder.hunt_group]
        chance = self._dice.random()
        if chance < 0.5:
            older, newer = (self._with_quantity(base, holder.services) for _ in range(2))
            if self._dice.random() < STALE:
                self._say_late("voice_service", older, newer)
            else:
                self._say("voice_service", newer, deleted=self._dice.random() < 0.1)
        elif chance < 0.75 or not extras:
            name = {"service_id": f"extra-{next(self._new)}"}
            extras.append({**base, **name, "quantity": self._dice.randint(1, 6)})
            self._say("voice_service", {**extras[-1], **self._dice.choice(DATES)})
        else:
            extra = self._dice.choice(extras)
            self._say("voice_service", extra, deleted=self._dice.random() < 0.7)

    def _with_quantity(self, service: Fields, about: int) -> Fields:
        return {**service, "quantity": max(0, about + self._dice.randint(-20, 8))}

    def _state_membership(self, holder: Holder, number: Number) -> None:
        known: Fields = {"phone_number": number.phone_number}
        own = {**known, "hunt_group_id": holder.hunt_group}
        new = {**known, "hunt_group_id": f"team-{next(self._new)}"}
        imported = [] if number.main else [own]
        self._state_or_end(
            "hunt_group_member", new, [*self._groups[number.phone_number], *imported]
        )
        self._groups[number.phone_number].append(new)

    def _state_login(self, _holder: Holder, number: Number) -> None:
        kind = self._dice.choice(("digital", "analogue", "softphone"))
        known: Fields = {"phone_number": number.phone_number}
        new = {**known, "device_id": f"phone-{next(self._new)}", "device_kind": kind}
        if number.main:
            return
        imported = [{**known, "device_id": device} for device, _ in number.devices]
        self._state_or_end("handset_login", new, [*self._logins[number.phone_number], *imported])
        self._logins[number.phone_number].append(new)

    def _state_or_end(self, kind: str, new: Fields, earlier: list[Fields]) -> None:
        """States a new record, ends an earlier one, or does both with one in the wrong order.

        No record is stated again after its end: then a message to a PBX that ends it as well tells
        that it is gone.
        """
        chance = self._dice.random()
        if chance < STALE:
            self._say_late(kind, new, new, deleted=True)
        elif chance < 0.5 and earlier:
            self._say(kind, self._dice.choice(earlier), deleted=True)
        else:
            self._say(kind, new)

    def _state_details(self, _holder: Holder, number: Number) -> None:
        if number.moves:
            return
        older, newer = self._details(number), self._details(number)
        if self._dice.random() < STALE:
            self._say_late("phone_number", older, newer)
            return
        held = number.status in {"RESERVED", "ACTIVE"}
        status = self._dice.choice(("RESERVED", "ACTIVE", *[None] * 8)) if held else None
        conflict = STATUS_NOT_ALLOWED if status == "ACTIVE" else ""
        view: Fields = {"status": status} if status else {}
        self._say("phone_number", {**newer, **view}, conflict=conflict)

    def _details(self, number: Number) -> Fields:
        is_assigned = not number.main and self._dice.random() < 0.1
        return {
            **details_of(number),
            "label": f"label {self._dice.randint(1, 9)}",
            "features": sorted(self._dice.sample(("call_waiting", "voicemail", "dnd"), 2)),
            "assigned_to": "Ada" if is_assigned else None,
        }

    def _state_move(self, holder: Holder, _number: Number) -> None:
        moving = [number for number in holder.numbers if number.moves]
        self._move(holder, self._dice.choice(moving))

    def _move(self, holder: Holder, number: Number) -> None:
        known = details_of(number)
        is_resting = number.status == "COOLDOWN"
        first: Fields | None = {**known, "status": "COOLDOWN"} if is_resting else known
        held = self._moved.get(number.phone_number, first)
        after = self._dice.choice(self._moves_from(held, known))
        # They end with the account; without a number, they wait until it is provisioned.
        if self._dice.random() < 0.5:
            self._state_membership(holder, number)
        if self._dice.random() < 0.5:
            self._state_login(holder, number)
        if after is None:
            self._say("phone_number", held or {}, deleted=True, conflict=NUMBER_IN_USE)
        else:
            self._say("phone_number", after, conflict=NUMBER_IN_USE)
        self._moved[number.phone_number] = after

    @staticmethod
    def _moves_from(held: Fields | None, known: Fields) -> list[Fields | None]:
        none: Fields = {**known, "account_id": None}
        guest = {**known, "account_id": GUEST}
        if held is None:
            return [known, known, none, guest]
        if held.get("status") == "COOLDOWN":
            return [{**none, "status": "AVAILABLE"}]
        if held["account_id"] is None:
            return [known, known, guest, {**none, "status": "COOLDOWN"}, None]
        other = guest if held["account_id"] != GUEST else known
        return [other, other, none, none, {**held, "status": "COOLDOWN"}, None]

    def _state_settings(self, holder: Holder, _number: Number) -> None:
        targets = ("hunt_group", "reception", "voicemail", "none")
        slots = {
            name: self._dice.choice(targets) for name in ("in_hours", "out_of_hours", "unanswered")
        }
        self._say("call_settings", {**settings_of(holder), **slots})

    def _contradict(self, holder: Holder, number: Number) -> None:
        if self._dice.random() < 0.5:
            main = {"phone_number": holder.numbers[0].phone_number}
            device = {"device_id": f"phone-{next(self._new)}", "device_kind": "digital"}
            self._say("handset_login", {**main, **device}, conflict=LOGGED_IN)
            return
        if number.main or number.moves or number.account_id is None:
            return
        self._say(
            "phone_number",
            {**details_of(number), "assigned_to": None, "main_number": True},
            conflict=SECOND_MAIN,
        )
