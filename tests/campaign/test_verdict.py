"""A checker that cannot fail is worthless: each kind of defect is planted, and must be found."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.campaign.ledger import ALLOWED, MEANINGS, Final, Finding, Ledger, PublishResult
from tests.campaign.notes import Note
from tests.campaign.schedule import Fault
from tests.campaign.verdict import BAD, GOOD, INCONCLUSIVE, Course, judge
from tests.campaign.world import Number

DESK, FAX = ("desk", "digital"), ("fax", "analogue")
RESERVED = Number("+440001", "acme", "london", "RESERVED")
ACTIVE = Number(
    "+440002", "acme", "london", "ACTIVE", devices=(DESK, FAX), hunt_groups=("reception",)
)
SAID = PublishResult(phone_numbers=("+440001", "+440002", "+440003"), confirmed=(1, 1, 1))


def event(command: int, kind: str, sequence: int, used: int = 1) -> Note:
    number = SAID.phone_numbers[command]
    identifier = f"{command}-{kind}"
    return Note(
        *("events", kind, identifier, f"{command:07}", number),
        sequence=sequence,
        limit=2,
        used=used,
    )


def step(place: str, kind: str, about: str = "") -> Note:
    return Note(*(place, kind, f"1-{kind}-{about}", "0000001", "+440002", about), sequence=1)


ACTIVATED = (event(0, "PENDING", 1), event(0, "ACTIVE", 2, used=2))
JOINED = Note("groups", "add", "0-add", "0000000", "+440001", "reception", sequence=2)
PENDING = event(1, "PENDING", 1)
LEFT = step("groups", "remove", "reception")
LOGGED_OUT = step("handsets", "logout", "desk")
RESET = step("extensions", "reset")
BLANK = event(1, "RESERVED", 2)
BY_HAND = step("events", "manual_logout", "fax")._replace(sequence=0)
REFUSED = Note("events", "rejected", "2-rejected", "0000002", "+440003", "NUMBER_UNKNOWN")
HEARD = (*ACTIVATED, JOINED, PENDING, LEFT, LOGGED_OUT, RESET, BLANK, BY_HAND, REFUSED)
HELD = Final(
    numbers={"+440001": ("ACTIVE", 2), "+440002": ("RESERVED", 2)},
    members=frozenset({("+440001", "reception")}),
    usage={("acme", "london"): (2, 1, 1)},
    left={"outbox": 0},
)
COURSE = Course(
    commands_wanted=3,
    commands_confirmed=3,
    commands_answered=3,
    faults_wanted={Fault.WORKER_KILL: 2},
    faults_done={Fault.WORKER_KILL: 2},
    at_rest=True,
)


def findings(
    *heard: Note, said: PublishResult = SAID, final: Final = HELD
) -> Mapping[str, Finding]:
    ledger = Ledger(said, (RESERVED, ACTIVE))
    for note in heard or HEARD:
        ledger.hear(note)
    return ledger.close(final)


def wrong(*heard: Note, said: PublishResult = SAID, final: Final = HELD) -> Counter[str]:
    found = findings(*heard, said=said, final=final)
    return +Counter({name: finding.count for name, finding in found.items()})


def without(*left_out: Note) -> list[Note]:
    return [note for note in HEARD if note not in left_out]


def test_a_run_in_which_all_is_well_is_good() -> None:
    assert judge(findings(), COURSE).word == GOOD


def test_what_is_repeated_under_its_id_is_allowed_and_counted() -> None:
    assert wrong(*HEARD, *HEARD) == {"repeated deliveries": len(HEARD)}
    assert judge(findings(*HEARD, *HEARD), COURSE).word == GOOD


def test_a_command_that_was_not_confirmed_need_not_be_answered() -> None:
    assert not wrong(*without(REFUSED), said=replace(SAID, confirmed=(1, 1, 0)))


@pytest.mark.parametrize("left_out", HEARD, ids=lambda note: note.kind)
def test_whatever_is_not_heard_is_missed(left_out: Note) -> None:
    found = wrong(*without(left_out))

    assert set(found) & {"lost", "final state"}


def test_a_confirmed_command_without_an_answer_is_lost() -> None:
    assert wrong(*without(REFUSED)) == {"lost": 1}


@pytest.mark.parametrize("doubled", HEARD, ids=lambda note: note.kind)
def test_the_same_under_another_id_is_doubled(doubled: Note) -> None:
    assert wrong(*HEARD, doubled._replace(id="another")) == {"doubled effects": 1}


@pytest.mark.parametrize("kind", ["rejected", "RESERVED", "failed"])
def test_two_ends_of_one_command_are_doubled(kind: str) -> None:
    other = Note("events", kind, "other", "0000000", "+440001")

    assert "doubled effects" in wrong(*HEARD, other)


@pytest.mark.parametrize("repeated", HEARD, ids=lambda note: note.kind)
def test_one_id_with_another_content_is_doubled(repeated: Note) -> None:
    assert wrong(*HEARD, repeated._replace(digest="other")) == {"doubled effects": 1}


@pytest.mark.parametrize(
    "end", [REFUSED._replace(kind="failed"), REFUSED._replace(about="COMMAND_ID_REUSED")]
)
def test_an_end_to_which_nothing_in_the_plan_can_come_is_unexpected(end: Note) -> None:
    assert wrong(*without(REFUSED), end) == {"unexpected": 1}


def test_a_worker_that_failed_by_itself_is_no_pass() -> None:
    assert judge(findings(), replace(COURSE, worker_troubles=1)).word == BAD


def test_one_id_for_two_messages_is_doubled() -> None:
    same = LOGGED_OUT._replace(id=RESET.id)

    assert wrong(*without(LOGGED_OUT), same) == {"doubled effects": 1}


@pytest.mark.parametrize(
    "stray",
    [
        RESET._replace(command_id="0000003"),
        RESET._replace(command_id="elephant"),
        RESET._replace(phone_number="+440009"),
    ],
)
def test_what_nobody_commanded_is_unexpected(stray: Note) -> None:
    assert wrong(*HEARD, stray) == {"unexpected": 1}


def test_a_first_delivery_after_a_later_one_is_out_of_order() -> None:
    assert wrong(*reversed(ACTIVATED), *HEARD[2:]) == {"out of order": 1}


def test_two_statuses_with_one_sequence_are_out_of_order() -> None:
    assert "out of order" in wrong(ACTIVATED[0], event(0, "ACTIVE", 1), *HEARD[2:])


def test_messages_to_a_pbx_are_in_order_too() -> None:
    late = Note("groups", "remove", "other", "0000000", "+440001", "reception", sequence=1)

    assert wrong(*HEARD, late) == {"out of order": 1}


def test_an_event_that_tells_of_too_much_use_is_over_entitled() -> None:
    assert wrong(event(0, "PENDING", 1, used=3), *HEARD[1:]) == {"over-entitled": 1}


def test_too_much_use_in_the_database_is_over_entitled() -> None:
    held = replace(HELD, usage={("acme", "london"): (0, 1, 1)})

    assert wrong(final=held) == {"over-entitled": 1}


def test_a_counter_that_differs_from_the_numbers_is_found() -> None:
    held = replace(HELD, usage={("acme", "london"): (2, 0, 1)})

    assert wrong(final=held) == {"counters": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"numbers": {**HELD.numbers, "+440001": ("RESERVED", 2)}},
        {"numbers": {**HELD.numbers, "+440001": ("ACTIVE", 3)}},
        {"numbers": {"+440001": ("ACTIVE", 2)}},
        {"members": frozenset()},
        {"members": HELD.members | {("+440002", "reception")}},
        {"logins": frozenset({("+440002", "desk")})},
    ],
)
def test_a_database_that_differs_from_what_was_said_is_found(change: dict[str, object]) -> None:
    held = replace(HELD, **change)  # type: ignore[arg-type]

    assert wrong(final=held) == {"final state": 1}


def test_what_still_waits_is_left_over() -> None:
    assert wrong(final=replace(HELD, left={"outbox": 7})) == {"left over": 1}


def test_a_dead_letter_is_found() -> None:
    letter = Note("dead", "unreadable", "x", "0000000", "+440001")

    assert wrong(*HEARD, letter) == {"dead letters": 1}


def finding(name: str) -> Mapping[str, Finding]:
    return {name: Finding(1, ["an example"])}


@pytest.mark.parametrize("name", sorted(set(MEANINGS) - ALLOWED))
def test_each_set_must_be_empty(name: str) -> None:
    verdict = judge(finding(name), COURSE)

    assert verdict.word == BAD
    assert verdict.reasons == (f"1 {name}",)


@pytest.mark.parametrize(
    "change",
    [
        {"commands_confirmed": 2},
        {"commands_wanted": 0, "commands_confirmed": 0, "commands_answered": 0},
        {"commands_answered": 0},
        {"faults_done": {Fault.WORKER_KILL: 1}},
        {"faults_done": {}},
        {"at_rest": False},
        {"troubles": ("the publisher ended with 1",)},
    ],
)
def test_a_run_that_did_not_try_everything_is_not_a_pass(change: dict[str, object]) -> None:
    course = replace(COURSE, **change)  # type: ignore[arg-type]

    assert judge(findings(), course).word == INCONCLUSIVE


def test_what_may_still_be_under_way_is_not_called_lost() -> None:
    assert judge(finding("lost"), replace(COURSE, at_rest=False)).word == INCONCLUSIVE


def test_what_is_wrong_at_any_time_is_bad_in_a_run_that_was_cut_short() -> None:
    assert judge(finding("doubled effects"), replace(COURSE, at_rest=False)).word == BAD
