"""The ledger of a campaign: compares the published commands with what was received and stored."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.campaign.judging import notes
from tests.campaign.judging.notes import Note
from tests.campaign.judging.records import Held, Key, Records
from tests.campaign.planning.platform import ALWAYS, NUMBER_IN_USE, Statement
from tests.campaign.planning.world import World, numbers_of

EXAMPLES = 20
LAST_WORDS = frozenset({notes.DONE, notes.SUPERSEDED})
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
    """The commands and statements that the publisher published."""

    phone_numbers: Sequence[str]
    """The number of each command, by its place in the plan."""
    confirmed: Sequence[int]
    """Whether the broker confirmed each command: 1 or 0."""
    statements: Sequence[Statement] = ()
    """In the order of publication."""
    all_stated: bool = True
    """Whether the broker confirmed every statement."""


class Usage(NamedTuple):
    """An account at a site."""

    limit: int
    counted: int
    """The usage counters."""
    used: int
    """The numbers in use."""
    exceeded: bool
    """Whether a shortage is stored as published."""


@dataclass(frozen=True)
class Final:
    """The final state of the servers."""

    numbers: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    """Status and sequence of each number."""
    members: frozenset[Key] = frozenset()
    """Number and hunt group of each membership."""
    logins: frozenset[Key] = frozenset()
    """Number and device of each login."""
    records: Held = field(default_factory=Held)
    usage: Mapping[str, Usage] = field(default_factory=dict)
    """By account and site, as `account_id/site_id`."""
    left: Mapping[str, int] = field(default_factory=dict)
    """How much still waits in each queue and table."""
    waited: int = 0
    """How many records ever waited."""
    asked_again: int = 0
    """How many requests the PBX did not do when it was first asked."""


class Ledger:
    """Checks each delivery against the published commands, and at the end the final state."""

    def __init__(self, published: PublishResult, world: World) -> None:
        self._published = published
        self._statements = {item.id: item for item in published.statements}
        self._holders = world
        self._world = {number.phone_number: number for number in numbers_of(world)}
        self._effects: dict[str, tuple[str, str]] = {}
        self._ends: dict[int, str] = {}
        self._status: dict[str, tuple[int, str]] = {}
        self._status_events: Counter[str] = Counter()
        self._newest: dict[tuple[str, str], int] = {}
        self._groups: dict[tuple[str, str], tuple[int, str]] = {}
        self._logouts: set[tuple[str, str, str]] = set()
        self._blank: set[str] = set()
        self._joins: set[str] = set()
        self._last_words: Counter[str] = Counter()
        self._short: set[str] = set()
        self._conflicts: set[str] = set()
        self._judges: Mapping[str, Callable[[Note], None]] = {
            **dict.fromkeys(notes.STATUSES, self._judge_status),
            **dict.fromkeys((notes.EXCEEDED, notes.RESTORED), self._judge_shortage),
            **dict.fromkeys((notes.LOGOUT, notes.MANUAL_LOGOUT), self._judge_logout),
            **dict.fromkeys((notes.ADD, notes.REMOVE), self._judge_membership),
            notes.CONFLICT: self._judge_conflict,
            notes.AFTERMATH: self._judge_aftermath,
            notes.FAILED: self._judge_failure,
        }
        self.outcomes: Counter[str] = Counter()
        self.deliveries: Counter[str] = Counter()
        self.findings = {name: Finding() for name in MEANINGS}

    def record(self, note: Note) -> None:
        """Checks and records one delivery."""
        self.deliveries[note.place] += 1
        if note.kind == notes.UNREADABLE:
            self._find("dead letters", note)
        elif note.kind == notes.BROKEN:
            self._find("contracts", note)
        elif not self._has_cause(note):
            self._find("unexpected", note)
        elif self._is_new(note):
            self._apply(note)

    def close(self, final: Final) -> Mapping[str, Finding]:
        """All findings; to be called after the last delivery."""
        records = Records(self._holders, self._published.statements, self._conflicts)
        self._find_lost()
        self._find_missing_last_words(records)
        self._find_missing_conflicts()
        self._find_missing_effects(records)
        self._find_differences(final, records)
        if len({identifier for identifier, _ in self._effects.values()}) < len(self._effects):
            self._find("doubled effects", "one id was given to two messages that differ")
        for place, waiting in final.left.items():
            if waiting:
                self._find("left over", f"{waiting} in {place}")
        for holder, usage in final.usage.items():
            if usage.counted != usage.used:
                self._find("counters", f"{holder}: {usage}")
            if not usage.exceeded == (holder in self._short) == (usage.used > usage.limit):
                published = holder in self._short
                self._find("shortages", f"{holder}: {usage}, published as short: {published}")
        return self.findings

    def exercised(self, final: Final) -> Mapping[str, int]:
        """How often something happened that only then proves anything."""
        return {
            "statements": len(self._statements),
            "waiting records": final.waited,
            "conflicts": len(self._conflicts),
            "shortages": self.outcomes[notes.EXCEEDED],
            "requests made again": final.asked_again,
        }

    def _find(self, name: str, what: object) -> None:
        self.findings[name].add(str(what))

    def _has_cause(self, note: Note) -> bool:
        index, numbers = _index(note), self._published.phone_numbers
        statement = self._statements.get(note.command_id)
        is_known = statement is not None or 0 <= index < len(numbers)
        if note.kind in {notes.EXCEEDED, notes.RESTORED}:
            return is_known
        if note.kind == notes.CONFLICT or note.about == notes.DIRECTORY:
            return statement is not None and statement.subject == note.phone_number
        return 0 <= index < len(numbers) and numbers[index] == note.phone_number

    def _is_new(self, note: Note) -> bool:
        # A `delayed` event may be published for several rounds of retries, each under its own id.
        round_ = note.id if note.kind == notes.DELAYED else ""
        account = note.phone_number if note.kind in {notes.EXCEEDED, notes.RESTORED} else ""
        key = "|".join((note.command_id, note.kind, self._subject(note), round_ or account))
        known = self._effects.get(key)
        if known is None:
            self._effects[key] = note.id, note.digest
        # A statement is repeated, and meets its conflict again: another time, the same id.
        elif known == (note.id, note.digest) or (note.kind == notes.CONFLICT and note.id in known):
            self._find("repeated deliveries", note)
        else:
            self._find("doubled effects", f"{note} also came as {known}")
        return known is None

    def _subject(self, note: Note) -> str:
        return "" if note.kind == notes.REJECTED else note.about

    def _apply(self, note: Note) -> None:
        if note.about == "COMMAND_ID_REUSED":  # the plan uses each id once
            self._find("unexpected", note)
        if notes.is_outcome(note):
            self._end(note)
        if note.kind in self._judges:
            self._judges[note.kind](note)
        # The last word on an aftermath comes after the event that superseded it.
        if note.sequence and note.kind != notes.AFTERMATH:
            self._keep_order(note)

    def _judge_failure(self, note: Note) -> None:
        # The PBX refuses nothing, and answers in time.
        self._find("unexpected", note)

    def _judge_status(self, note: Note) -> None:
        if (note.kind, note.about) == ("PENDING", notes.ACTIVATE) and note.used > note.limit:
            self._find("over-entitled", note)
        self._status_events[note.phone_number] += 1
        self._status[note.phone_number] = max(
            self._status.get(note.phone_number, (0, "")), (note.sequence, note.kind)
        )

    def _judge_logout(self, note: Note) -> None:
        self._logouts.add((note.kind, note.phone_number, note.about))

    def _judge_membership(self, note: Note) -> None:
        if note.kind == notes.ADD:
            self._joins.add(note.command_id)
        place = note.phone_number, note.about
        self._groups[place] = max(self._groups.get(place, (0, "")), (note.sequence, note.kind))

    def _judge_conflict(self, note: Note) -> None:
        self._conflicts.add(note.command_id)
        expected = self._statements[note.command_id].conflict
        known = self._world.get(note.phone_number)
        _, status = self._status.get(note.phone_number, (0, known.status if known else ""))
        is_possible = expected in ALWAYS or (status == "ACTIVE") == (expected == NUMBER_IN_USE)
        if note.about != expected or not is_possible:
            self._find("conflicts", f"{note}, expected {expected or 'none'}, {status}")

    def _judge_shortage(self, note: Note) -> None:
        began, was_short = note.kind == notes.EXCEEDED, note.phone_number in self._short
        if began == was_short or began != (note.used > note.limit):
            self._find("shortages", f"{note}, short before: {was_short}")
        (self._short.add if began else self._short.discard)(note.phone_number)
        self.outcomes[note.kind] += 1

    def _judge_aftermath(self, note: Note) -> None:
        if note.about not in {*LAST_WORDS, notes.OUTSTANDING}:
            self._find("unexpected", note)
        self._last_words[note.command_id] += note.about in LAST_WORDS

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

    def _find_missing_conflicts(self) -> None:
        for item in self._published.statements:
            if item.conflict in ALWAYS and item.id not in self._conflicts:
                self._find("conflicts", f"none for {item}")

    def _find_missing_last_words(self, records: Records) -> None:
        taken_out = {number for number, _ in records.ended}
        for command in self._joins | self._last_words.keys():
            # A member that is taken out before it was asked to join is never asked.
            number = self._published.phone_numbers[int(command)]
            is_asked = command in self._joins or number in taken_out
            if self._last_words[command] != 1 or not is_asked:
                self._find("lost", f"{self._last_words[command]} last words of {command}")

    def _find_missing_effects(self, records: Records) -> None:
        for index, kind in self._ends.items():
            if kind == "RESERVED":
                self._blank.add(self._published.phone_numbers[index])
                if f"{index:07}|{notes.RESET}||" not in self._effects:
                    self._find("lost", f"{notes.RESET} that follows from {index:07}")
        for number in self._blank:
            for device, kind in self._world[number].devices:
                what = notes.LOGOUT if kind == "digital" else notes.MANUAL_LOGOUT
                is_ended = (number, device) in records.ended
                if not is_ended and (what, number, device) not in self._logouts:
                    self._find("lost", f"{what} of {number} at {device}")

    def _find_differences(self, final: Final, records: Records) -> None:
        for number in self._world.values():
            name = number.phone_number
            sequence, status = self._status.get(name, (0, number.status))
            held = final.numbers.get(name, (status, sequence))
            if held != (status, sequence):
                self._find("final state", f"{name} is {held}, published {status} {sequence}")
        if not self._published.all_stated:
            return
        for difference in records.differences(final.records, self._blank):
            self._find("records", difference)
        members = set(records.members)
        for place, (_, kind) in self._groups.items():
            (members.add if kind == notes.ADD else members.discard)(place)
        self._compare("member", members, final.members, records)
        logged_out = {(number, device) for _, number, device in self._logouts}
        self._compare("login", records.logins - logged_out, final.logins, records)

    def _compare(
        self, what: str, expected: AbstractSet[Key], held: AbstractSet[Key], records: Records
    ) -> None:
        for key in expected ^ held:
            # The platform ended it by hand, before or after the number joined the group.
            is_ended = key in records.ended and key not in held
            if key[0] not in records.uncertain and not is_ended:
                self._find("final state", f"{what} {key}: held {key in held}")


MEANINGS = {
    "lost": "a confirmed command without an outcome, or an outcome without its messages",
    "doubled effects": "two different messages for one effect, or two outcomes of one command",
    "gaps": "a status change whose sequence was not published",
    "unexpected": "a message that follows from no command",
    "out of order": "a first delivery that is older than an earlier one of the same number",
    "over-entitled": "an activation accepted while no voice service was free",
    "shortages": "a shortage that was published twice, or not, or is not one",
    "conflicts": "a conflict that the statement cannot meet, or one that is missing",
    "records": "a record that differs from what the platform stated last",
    "final state": "the database differs from what was published last",
    "counters": "the usage counters differ from the numbers",
    "contracts": "a message that breaks its schema (the first of each kind are checked)",
    "dead letters": "a readable command was dead-lettered",
    "left over": "a message or row still waits in a queue or a table",
    "repeated deliveries": "the same message again under its id, which is allowed",
}
"""Every set of the verdict."""
ALLOWED = frozenset({"repeated deliveries"})
"""The sets that need not be empty."""


def _index(note: Note) -> int:
    return int(note.command_id) if note.command_id.isdecimal() else -1
