"""The ledger and the verdict find each kind of defect that a test plants in a good run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import pytest

from tests.campaign.judging.ledger import (
    ALLOWED,
    MEANINGS,
    Final,
    Finding,
    Ledger,
    PublishResult,
    Usage,
)
from tests.campaign.judging.notes import Note
from tests.campaign.judging.records import Held
from tests.campaign.judging.verdict import BAD, GOOD, INCONCLUSIVE, RunSummary, judge
from tests.campaign.planning.platform import (
    LOGGED_IN,
    NUMBER_IN_USE,
    Fields,
    Statement,
)
from tests.campaign.planning.schedule import Fault
from tests.campaign.planning.world import (
    Holder,
    Number,
    details_of,
    service_of,
    settings_of,
)

DESK, FAX = ("desk", "digital"), ("fax", "analogue")
RESERVED = Number("+440001", "acme", "london", "RESERVED")
ACTIVE = Number(
    "+440002", "acme", "london", "ACTIVE", devices=(DESK, FAX), hunt_groups=("reception",)
)
HOLDER = Holder("acme", "london", 2, (RESERVED, ACTIVE))
PUBLISHED = PublishResult(phone_numbers=("+440001", "+440002", "+440003"), confirmed=(1, 1, 1))


def event(command: int, kind: str, sequence: int, used: int = 1) -> Note:
    number = PUBLISHED.phone_numbers[command]
    identifier = f"{command}-{kind}"
    return Note(
        *("events", kind, identifier, f"{command:07}", number, ("activate", "deactivate")[command]),
        sequence=sequence,
        limit=2,
        used=used,
    )


def step(place: str, kind: str, about: str = "") -> Note:
    return Note(*(place, kind, f"1-{kind}-{about}", "0000001", "+440002", about), sequence=1)


ACTIVATED = (event(0, "PENDING", 1), event(0, "ACTIVE", 2, used=2))
JOINED = Note("groups", "add", "0-add", "0000000", "+440001", "reception", sequence=2)
JOIN_DONE = Note("events", "aftermath", "0-done", "0000000", "+440001", "done", sequence=2)
PENDING = event(1, "PENDING", 1)
LEFT = step("groups", "remove", "reception")
LOGGED_OUT = step("handsets", "logout", "desk")
RESET = step("extensions", "reset")
BLANK = event(1, "RESERVED", 2)
BY_HAND = step("events", "manual_logout", "fax")._replace(sequence=0)
REFUSED = Note("events", "rejected", "2-rejected", "0000002", "+440003", "NUMBER_UNKNOWN")
RECEIVED = (
    *ACTIVATED,
    JOINED,
    JOIN_DONE,
    PENDING,
    LEFT,
    LOGGED_OUT,
    RESET,
    BLANK,
    BY_HAND,
    REFUSED,
)
FINAL = Final(
    numbers={"+440001": ("ACTIVE", 2), "+440002": ("RESERVED", 2)},
    members=frozenset({("+440001", "reception")}),
    records=Held(
        numbers={
            number.phone_number: {"label": None, **details_of(number)} for number in HOLDER.numbers
        },
        services={"service-acme-london": service_of(HOLDER)},
        settings={"+440001": settings_of(HOLDER)},
    ),
    usage={"acme/london": Usage(2, 1, 1, exceeded=False)},
    left={"outbox": 0},
)
SUMMARY = RunSummary(
    commands_wanted=3,
    commands_confirmed=3,
    commands_answered=3,
    faults_wanted={Fault.WORKER_KILL: 2},
    faults_done={Fault.WORKER_KILL: 2},
    exercised={"statements": 1},
    is_idle=True,
)


def findings(
    *received: Note, published: PublishResult = PUBLISHED, final: Final = FINAL
) -> Mapping[str, Finding]:
    ledger = Ledger(published, (HOLDER,))
    for note in received or RECEIVED:
        ledger.record(note)
    return ledger.close(final)


def wrong(
    *received: Note, published: PublishResult = PUBLISHED, final: Final = FINAL
) -> Counter[str]:
    found = findings(*received, published=published, final=final)
    return +Counter({name: finding.count for name, finding in found.items()})


def without(*left_out: Note) -> list[Note]:
    return [note for note in RECEIVED if note not in left_out]


def test_run_without_defects_is_good() -> None:
    assert judge(findings(), SUMMARY).word == GOOD


def test_repeated_deliveries_under_their_ids_are_allowed_and_counted() -> None:
    assert wrong(*RECEIVED, *RECEIVED) == {"repeated deliveries": len(RECEIVED)}
    assert judge(findings(*RECEIVED, *RECEIVED), SUMMARY).word == GOOD


def test_unconfirmed_command_needs_no_outcome() -> None:
    assert not wrong(*without(REFUSED), published=replace(PUBLISHED, confirmed=(1, 1, 0)))


@pytest.mark.parametrize("left_out", RECEIVED, ids=lambda note: note.kind)
def test_missing_message_is_found(left_out: Note) -> None:
    found = wrong(*without(left_out))

    assert set(found) & {"lost", "gaps", "final state"}


@pytest.mark.parametrize("left_out", [ACTIVATED[0], PENDING], ids=["activated", "deactivated"])
def test_status_event_that_was_never_published_leaves_a_gap(left_out: Note) -> None:
    assert wrong(*without(left_out)) == {"gaps": 1}


def test_failed_activation_without_its_pending_event_leaves_a_gap() -> None:
    failed = Note("events", "failed", "0-failed", "0000000", "+440001", sequence=2)
    found = wrong(failed, event(0, "RESERVED", 2), *RECEIVED[3:])

    assert found["gaps"] == 1


def test_confirmed_command_without_an_outcome_is_lost() -> None:
    assert wrong(*without(REFUSED)) == {"lost": 1}


@pytest.mark.parametrize("doubled", RECEIVED, ids=lambda note: note.kind)
def test_same_message_under_another_id_is_doubled(doubled: Note) -> None:
    assert wrong(*RECEIVED, doubled._replace(id="another")) == {"doubled effects": 1}


@pytest.mark.parametrize("kind", ["rejected", "RESERVED", "failed"])
def test_second_outcome_of_a_command_is_doubled(kind: str) -> None:
    other = Note("events", kind, "other", "0000000", "+440001")

    assert "doubled effects" in wrong(*RECEIVED, other)


@pytest.mark.parametrize("repeated", RECEIVED, ids=lambda note: note.kind)
def test_same_id_with_another_content_is_doubled(repeated: Note) -> None:
    assert wrong(*RECEIVED, repeated._replace(digest="other")) == {"doubled effects": 1}


@pytest.mark.parametrize(
    "end", [REFUSED._replace(kind="failed"), REFUSED._replace(about="COMMAND_ID_REUSED")]
)
def test_outcome_that_no_planned_command_can_have_is_unexpected(end: Note) -> None:
    assert wrong(*without(REFUSED), end) == {"unexpected": 1}


def test_run_with_an_unplanned_worker_failure_is_bad() -> None:
    assert judge(findings(), replace(SUMMARY, worker_troubles=1)).word == BAD


def test_same_id_for_two_messages_is_doubled() -> None:
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
def test_message_without_a_command_is_unexpected(stray: Note) -> None:
    assert wrong(*RECEIVED, stray) == {"unexpected": 1}


def test_older_status_after_a_newer_one_is_out_of_order() -> None:
    assert wrong(*reversed(ACTIVATED), *RECEIVED[2:]) == {"out of order": 1}


def test_two_statuses_with_one_sequence_are_out_of_order() -> None:
    assert "out of order" in wrong(ACTIVATED[0], event(0, "ACTIVE", 1), *RECEIVED[2:])


def test_older_pbx_message_after_a_newer_one_is_out_of_order() -> None:
    late = Note("groups", "remove", "other", "0000000", "+440001", "reception", sequence=1)

    assert wrong(*RECEIVED, late) == {"out of order": 1}


def test_event_with_usage_above_the_limit_is_over_entitled() -> None:
    assert wrong(event(0, "PENDING", 1, used=3), *RECEIVED[1:]) == {"over-entitled": 1}


def test_deactivation_during_a_shortage_is_not_over_entitled() -> None:
    used = PENDING._replace(used=3)

    assert not wrong(*(used if note == PENDING else note for note in RECEIVED))


def test_usage_counter_that_differs_from_the_numbers_is_found() -> None:
    final = replace(FINAL, usage={"acme/london": Usage(2, 0, 1, exceeded=False)})

    assert wrong(final=final) == {"counters": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"numbers": {**FINAL.numbers, "+440001": ("RESERVED", 2)}},
        {"numbers": {**FINAL.numbers, "+440001": ("ACTIVE", 3)}},
        {"members": frozenset()},
        {"members": FINAL.members | {("+440002", "reception")}},
        {"logins": frozenset({("+440002", "desk")})},
    ],
)
def test_database_that_differs_from_the_published_state_is_found(change: dict[str, object]) -> None:
    final = replace(FINAL, **change)  # type: ignore[arg-type]

    assert wrong(final=final) == {"final state": 1}


EXCEEDED = Note("events", "exceeded", "x", "d0000000", "acme/london", "", 0, 0, 1)
RESTORED = Note("events", "restored", "y", "0000001", "acme/london", "", 0, 2, 1)
SERVICE = Statement(0, 0, "voice_service", ("service-acme-london",), 1, service_of(HOLDER))
STATED = replace(PUBLISHED, statements=(SERVICE,))
SHORT = replace(FINAL, usage={"acme/london": Usage(0, 1, 1, exceeded=True)})


def test_shortage_that_is_published_and_stored_is_good() -> None:
    assert not wrong(*RECEIVED, EXCEEDED, published=STATED, final=SHORT)
    assert not wrong(*RECEIVED, EXCEEDED, RESTORED, published=STATED)


@pytest.mark.parametrize(
    ("received", "final"),
    [
        ((), SHORT),
        ((EXCEEDED,), FINAL),
        ((EXCEEDED,), replace(SHORT, usage={"acme/london": Usage(0, 1, 1, exceeded=False)})),
        ((EXCEEDED,), replace(SHORT, usage={"acme/london": Usage(2, 1, 1, exceeded=True)})),
        ((RESTORED,), FINAL),
        ((EXCEEDED, EXCEEDED._replace(id="z", command_id="0000002")), SHORT),
        ((EXCEEDED._replace(limit=5),), SHORT),
    ],
)
def test_shortage_that_is_not_as_published_is_found(
    received: tuple[Note, ...], final: Final
) -> None:
    assert wrong(*RECEIVED, *received, published=STATED, final=final) == {"shortages": 1}


def conflict(code: str, number: str) -> Note:
    return Note("events", "conflict", "c", "d0000000", number, code, sequence=2)


def moved(conflict: str) -> PublishResult:
    """The platform gives the first number to another account."""
    fields: Fields = {**details_of(RESERVED), "account_id": "globex"}
    number = RESERVED.phone_number
    statement = Statement(0, 0, "phone_number", (number,), 1, fields, conflict=conflict)
    return replace(PUBLISHED, statements=(statement,))


def test_conflict_about_an_active_number_that_would_be_taken_away_is_expected() -> None:
    note = conflict(NUMBER_IN_USE, "+440001")

    assert not wrong(*RECEIVED, note, published=moved(NUMBER_IN_USE))
    # The statement comes again and meets its conflict again.
    again = note._replace(digest="another")
    found = wrong(*RECEIVED, note, again, published=moved(NUMBER_IN_USE))
    assert found == {"repeated deliveries": 1}


def test_conflict_that_a_statement_cannot_meet_is_found() -> None:
    note = conflict(NUMBER_IN_USE, "+440001")

    assert wrong(note, *RECEIVED, published=moved(NUMBER_IN_USE))["conflicts"] == 1
    assert wrong(*RECEIVED, note, published=moved(""))["conflicts"] == 1


def test_conflict_that_is_missing_is_found() -> None:
    assert wrong(published=moved(LOGGED_IN))["conflicts"] == 1


def test_join_without_its_last_word_is_lost() -> None:
    assert wrong(*without(JOIN_DONE)) == {"lost": 1}
    second = JOIN_DONE._replace(about="superseded", id="0-superseded")
    assert wrong(*RECEIVED, second) == {"lost": 1}
    assert wrong(*without(JOIN_DONE), second) == {}


def test_last_word_on_a_join_that_was_never_asked_for_is_lost_unless_taken_out_by_hand() -> None:
    superseded = JOIN_DONE._replace(about="superseded")
    fields: Fields = {"hunt_group_id": "reception", "phone_number": "+440001"}
    key = ("reception", "+440001")
    taken_out = Statement(0, 0, "hunt_group_member", key, 1, fields, deleted=True)
    final = replace(FINAL, members=frozenset())
    received = (superseded, *without(JOINED, JOIN_DONE))

    assert wrong(*received, final=final) == {"lost": 1}
    assert not wrong(*received, published=replace(PUBLISHED, statements=(taken_out,)), final=final)


def test_status_that_the_platform_changed_follows_from_its_statement() -> None:
    note = Note("events", "COOLDOWN", "x", "d0000000", "+440001", "directory", sequence=3)
    final = replace(FINAL, numbers={**FINAL.numbers, "+440001": ("COOLDOWN", 3)})

    assert wrong(*RECEIVED, note, published=moved(""), final=final) == {"records": 1}
    assert wrong(*RECEIVED, note, final=final)["unexpected"] == 1


def test_waiting_row_is_left_over() -> None:
    assert wrong(final=replace(FINAL, left={"outbox": 7})) == {"left over": 1}


def test_dead_letter_is_found() -> None:
    dead_letter = Note("dead", "unreadable", "x", "0000000", "+440001")

    assert wrong(*RECEIVED, dead_letter) == {"dead letters": 1}


def test_message_that_breaks_the_contracts_is_found() -> None:
    broken = Note("events", "broken", "x", "0000000", "+440001", "['data: no object']")

    assert wrong(*RECEIVED, broken) == {"contracts": 1}


def finding(name: str) -> Mapping[str, Finding]:
    return {name: Finding(1, ["an example"])}


@pytest.mark.parametrize("name", sorted(set(MEANINGS) - ALLOWED))
def test_run_with_a_finding_is_bad(name: str) -> None:
    verdict = judge(finding(name), SUMMARY)

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
        {"exercised": {"conflicts": 0}},
        {"is_idle": False},
        {"troubles": ("the publisher ended with 1",)},
    ],
)
def test_incomplete_run_is_inconclusive(change: dict[str, object]) -> None:
    summary = replace(SUMMARY, **change)  # type: ignore[arg-type]

    assert judge(findings(), summary).word == INCONCLUSIVE


def test_missing_outcome_is_not_lost_while_workers_are_busy() -> None:
    assert judge(finding("lost"), replace(SUMMARY, is_idle=False)).word == INCONCLUSIVE


def test_doubled_effect_is_bad_even_in_an_interrupted_run() -> None:
    assert judge(finding("doubled effects"), replace(SUMMARY, is_idle=False)).word == BAD
