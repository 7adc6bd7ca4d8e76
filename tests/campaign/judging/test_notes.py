"""The notes of a campaign: every message of the worker has one, and reading restores it."""

import json

import pytest
from activation_contracts.envelope import Published
from activation_contracts.examples import EXAMPLES

from tests.campaign.judging.notes import KINDS, STATUSES, Note, is_outcome, line_of, note_of, read

PUBLISHED = {name: item for name, item in EXAMPLES.items() if isinstance(item, Published)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_note_of_every_message_survives_writing_and_reading(name: str) -> None:
    message = PUBLISHED[name]
    note = note_of("events", message.encode(), redelivered=True)

    assert note.kind in {*STATUSES, *KINDS.values(), "add", "remove"}
    assert note.phone_number == message.subject
    assert note.command_id == message.causationid
    assert list(read([line_of(note)])) == [note]


def test_examples_cover_every_kind_of_note() -> None:
    bodies = [message.encode() for message in PUBLISHED.values()]
    kinds = {note_of("events", body, redelivered=False).kind for body in bodies}

    by_platform = {"AVAILABLE", "COOLDOWN"}
    assert kinds | by_platform == {*STATUSES, *KINDS.values(), "add", "remove"}


def test_note_counts_active_and_pending_numbers_as_used() -> None:
    data = {"command_id": "0000001", "phone_number": "+440001", "status": "ACTIVE"}
    entitlement = {"limit": 5, "active": 3, "pending": 1}
    event = {"id": "x", "type": "status", "data": {**data, "entitlement": entitlement}}
    note = note_of("events", json.dumps(event).encode(), redelivered=False)

    assert (note.limit, note.used) == (5, 4)


@pytest.mark.parametrize("event", [{}, {"id": "x"}, {"id": "x", "type": "y", "data": {}}])
def test_note_of_another_message_is_an_error(event: dict[str, object]) -> None:
    with pytest.raises(LookupError):
        note_of("events", json.dumps(event).encode(), redelivered=False)


def test_notes_of_different_contents_differ() -> None:
    bodies = [message.encode().replace(b"london", b"leeds") for message in PUBLISHED.values()]
    for message, changed in zip(PUBLISHED.values(), bodies, strict=True):
        before = note_of("events", message.encode(), redelivered=False)
        assert before.digest != note_of("events", changed, redelivered=False).digest


def test_final_statuses_rejection_and_failure_are_outcomes() -> None:
    kinds = {*STATUSES, *KINDS.values()}
    outcomes = {kind for kind in kinds if is_outcome(Note("events", kind, "x", "0000001", "+44"))}

    assert outcomes == {"ACTIVE", "RESERVED", "rejected", "failed"}


def test_status_that_the_platform_changed_is_no_outcome() -> None:
    assert not is_outcome(Note("events", "RESERVED", "x", "d0000001", "+44", "directory"))


def test_line_without_tabs_is_an_error() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        list(read(["nonsense\n"]))


def test_note_of_a_refusal_contains_its_code() -> None:
    note = Note("events", "rejected", "x", "0000001", "+440001", "NUMBER_UNKNOWN")

    assert line_of(note).split("\t")[:6] == list(note[:6])
    assert note.about == "NUMBER_UNKNOWN"
