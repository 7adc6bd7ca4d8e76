"""The ledger of a campaign: compares the published commands with what was received and stored."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tests.campaign.judging import notes
from tests.campaign.judging.notes import Note
from tests.campaign.planning.world import Number

EXAMPLES = 20
ENDS = ({"ACTIVE"}, {"RESERVED"}, {notes.REJECTED}, {notes.FAILED}, {notes.FAILED, "RESERVED"})


@dataclass
class Finding:
    """A set of the verdict: its size, and its first members."""

    count: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, example: str) -> None:
        """Adds a member to the set."""
        self.count += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append(example)


@dataclass(frozen=True)
class PublishResult:
    """The commands that the publisher published."""

    phone_numbers: Sequence[str]
    """The number of each command, by its place in the plan."""
    confirmed: Sequence[int]
    """Whether the broker confirmed each command: 1 or 0."""


@dataclass(frozen=True)
class Final:
    """The final state of the servers."""

    numbers: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Status and sequence of each number."""
    members: frozenset[tuple[str, str]] = frozenset()
    """Number and hunt group of each membership."""
    logins: frozenset[tuple[str, str]] = frozenset()
    """Number and device of each login."""
    usage: Mapping[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    """For each account at a site: its limit, the usage counters, and the numbers in use."""
    left: Mapping[str, int] = field(default_factory=dict)
    """How much still waits in each queue and table."""


class Ledger:
    """Checks each delivery against the published commands, and at the end the final state."""

    def __init__(self, published: PublishResult, world: Iterable[Number]) -> None:
        self._published = published
        self._world = {number.phone_number: number for number in world}
        self._effects: dict[str, tuple[str, str]] = {}
        self._ends: dict[int, str] = {}
        self._status: dict[str, tuple[int, str]] = {}
        self._status_events: Counter[str] = Counter()
        self._newest: dict[tuple[str, str], int] = {}
        self._groups: dict[tuple[str, str], tuple[int, str]] = {}
        self._logouts: set[tuple[str, str, str]] = set()
        self._blank: set[str] = set()
        self.outcomes: Counter[str] = Counter()
        self.deliveries: Counter[str] = Counter()
        self.findings = {name: Finding() for name in MEANINGS}

    def record(self, note: Note) -> None:
        """Checks and records one delivery."""
        self.deliveries[note.place] += 1
        if note.kind == notes.UNREADABLE:
            self._find("dead letters", note)
        elif not self._has_command(note):
            self._find("unexpected", note)
        elif self._is_new(note):
            self._apply(note)

    def close(self, final: Final) -> Mapping[str, Finding]:
        """All findings; to be called after the last delivery."""
        self._find_lost()
        self._find_missing_effects()
        self._find_differences(final)
        if len({identifier for identifier, _ in self._effects.values()}) < len(self._effects):
            self._find("doubled effects", "one id was given to two messages that differ")
        for place, waiting in final.left.items():
            if waiting:
                self._find("left over", f"{waiting} in {place}")
        for holder, (limit, counted, used) in final.usage.items():
            if used > limit:
                self._find("over-entitled", f"{holder}: {used} in use of {limit} in the database")
            if counted != used:
                self._find("counters", f"{holder}: counted {counted}, used {used}")
        return self.findings

    def _find(self, name: str, what: object) -> None:
        self.findings[name].add(str(what))

    def _has_command(self, note: Note) -> bool:
        index = _index(note)
        numbers = self._published.phone_numbers
        return 0 <= index < len(numbers) and numbers[index] == note.phone_number

    def _is_new(self, note: Note) -> bool:
        # A `delayed` event may be published for several rounds of retries, each under its own id.
        round_ = note.id if note.kind == notes.DELAYED else ""
        key = "|".join((note.command_id, note.kind, self._subject(note), round_))
        known = self._effects.get(key)
        if known is None:
            self._effects[key] = note.id, note.digest
        elif known == (note.id, note.digest):
            self._find("repeated deliveries", note)
        else:
            self._find("doubled effects", f"{note} also came as {known}")
        return known is None

    def _subject(self, note: Note) -> str:
        return "" if note.kind == notes.REJECTED else note.about

    def _apply(self, note: Note) -> None:
        # The workers await no PBX result, and the plan uses each id once: neither can happen.
        if note.kind in {notes.FAILED, notes.AFTERMATH} or note.about == "COMMAND_ID_REUSED":
            self._find("unexpected", note)
        if 0 <= note.limit < note.used:
            self._find("over-entitled", note)
        if notes.is_terminal(note.kind):
            self._end(note)
        if note.kind in notes.STATUSES:
            self._status_events[note.phone_number] += 1
            self._status[note.phone_number] = max(
                self._status.get(note.phone_number, (0, "")), (note.sequence, note.kind)
            )
        if note.kind in {notes.LOGOUT, notes.MANUAL_LOGOUT}:
            self._logouts.add((note.kind, note.phone_number, note.about))
        if note.kind in {notes.ADD, notes.REMOVE}:
            place = note.phone_number, note.about
            self._groups[place] = max(self._groups.get(place, (0, "")), (note.sequence, note.kind))
        if note.sequence:
            self._keep_order(note)

    def _end(self, note: Note) -> None:
        index = _index(note)
        before = self._ends.get(index)
        self.outcomes[f"{note.kind} {note.about}".strip()] += 1
        if before is not None and {before, note.kind} not in ENDS:
            self._find("doubled effects", f"{note} after it was {before}")
        self._ends[index] = note.kind

    def _keep_order(self, note: Note) -> None:
        place = note.place, note.phone_number
        newest = self._newest.get(place, 0)
        if note.sequence < newest or (note.kind in notes.STATUSES and note.sequence == newest):
            self._find("out of order", f"{note} after {newest}")
        self._newest[place] = max(newest, note.sequence)

    def _find_lost(self) -> None:
        for index, confirmed in enumerate(self._published.confirmed):
            if confirmed and index not in self._ends:
                self._find("lost", f"{index:07} for {self._published.phone_numbers[index]}")
        for number, (newest, _) in self._status.items():
            missing = newest - self._status_events[number]
            if missing:
                self._find("gaps", f"{missing} status events of {number}, up to {newest}")

    def _find_missing_effects(self) -> None:
        for index, kind in self._ends.items():
            if kind == "RESERVED":
                self._blank.add(self._published.phone_numbers[index])
                if f"{index:07}|{notes.RESET}||" not in self._effects:
                    self._find("lost", f"{notes.RESET} that follows from {index:07}")
        for number in self._blank:
            for device, kind in self._world[number].devices:
                what = notes.LOGOUT if kind == "digital" else notes.MANUAL_LOGOUT
                if (what, number, device) not in self._logouts:
                    self._find("lost", f"{what} of {number} at {device}")

    def _find_differences(self, final: Final) -> None:
        for number in self._world.values():
            name = number.phone_number
            sequence, status = self._status.get(name, (0, number.status))
            if final.numbers.get(name) != (status, sequence):
                held = final.numbers.get(name)
                self._find("final state", f"{name} is {held}, published {status} {sequence}")
        members = {
            (number.phone_number, group)
            for number in self._world.values()
            for group in number.hunt_groups
        }
        for place, (_, kind) in self._groups.items():
            (members.add if kind == notes.ADD else members.discard)(place)
        for place in members ^ final.members:
            is_member = place in members
            self._find("final state", f"{place}: published {is_member}, stored {not is_member}")
        logins = {
            (number.phone_number, device)
            for number in self._world.values()
            for device, _ in number.devices
            if number.phone_number not in self._blank
        }
        for login in logins ^ final.logins:
            self._find("final state", f"{login}: logged in should be {login in logins}")


MEANINGS = {
    "lost": "a confirmed command without an outcome, or an outcome without its messages",
    "doubled effects": "two different messages for one effect, or two outcomes of one command",
    "gaps": "a status change whose sequence was not published",
    "unexpected": "a message that follows from no command",
    "out of order": "a first delivery that is older than an earlier one of the same number",
    "over-entitled": "more numbers in use than voice services",
    "final state": "the database differs from what was published last",
    "counters": "the usage counters differ from the numbers",
    "dead letters": "a readable command was dead-lettered",
    "left over": "a message or row still waits in a queue or a table",
    "repeated deliveries": "the same message again under its id, which is allowed",
}
"""Every set of the verdict."""
ALLOWED = frozenset({"repeated deliveries"})
"""The sets that need not be empty."""


def _index(note: Note) -> int:
    return int(note.command_id) if note.command_id.isdecimal() else -1
