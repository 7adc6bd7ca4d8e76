"""Every message that the worker can publish is noted, and the notes can be read again."""

import json

import pytest

from contracts.envelope import Published
from contracts.examples import EXAMPLES
from tests.campaign.notes import KINDS, STATUSES, Note, is_terminal, line_of, noted, read

PUBLISHED = {name: item for name, item in EXAMPLES.items() if isinstance(item, Published)}


@pytest.mark.parametrize("name", PUBLISHED)
def test_every_message_is_noted(name: str) -> None:
    message = PUBLISHED[name]
    note = noted("events", message.encode(), redelivered=True)

    assert note.kind in {*STATUSES, *KINDS.values(), "add", "remove"}
    assert note.phone_number == message.subject
    assert note.command_id == message.causationid
    assert list(read([line_of(note)])) == [note]


def test_the_examples_are_of_every_kind() -> None:
    bodies = [message.encode() for message in PUBLISHED.values()]
    kinds = {noted("events", body, redelivered=False).kind for body in bodies}

    assert kinds == {*STATUSES, *KINDS.values(), "add", "remove"}


def test_use_is_what_is_active_and_what_is_pending() -> None:
    data = {"command_id": "0000001", "phone_number": "+440001", "status": "ACTIVE"}
    entitlement = {"limit": 5, "active": 3, "pending": 1}
    event = {"id": "x", "type": "status", "data": {**data, "entitlement": entitlement}}
    note = noted("events", json.dumps(event).encode(), redelivered=False)

    assert (note.limit, note.used) == (5, 4)


@pytest.mark.parametrize("event", [{}, {"id": "x"}, {"id": "x", "type": "y", "data": {}}])
def test_what_is_no_message_of_the_worker_is_an_error(event: dict[str, object]) -> None:
    with pytest.raises(LookupError):
        noted("events", json.dumps(event).encode(), redelivered=False)


def test_another_content_is_another_note() -> None:
    bodies = [message.encode().replace(b"london", b"leeds") for message in PUBLISHED.values()]
    for message, changed in zip(PUBLISHED.values(), bodies, strict=True):
        before = noted("events", message.encode(), redelivered=False)
        assert before.digest != noted("events", changed, redelivered=False).digest


def test_a_command_ends_with_a_status_that_stays_or_without_success() -> None:
    kinds = {*STATUSES, *KINDS.values()}

    assert {kind for kind in kinds if is_terminal(kind)} == {
        *("ACTIVE", "RESERVED", "rejected", "failed")
    }


def test_a_note_without_a_tab_is_no_note() -> None:
    with pytest.raises(ValueError, match="not enough values"):
        list(read(["nonsense\n"]))


def test_a_refusal_tells_its_code() -> None:
    note = Note("events", "rejected", "x", "0000001", "+440001", "NUMBER_UNKNOWN")

    assert line_of(note).split("\t")[:6] == list(note[:6])
    assert note.about == "NUMBER_UNKNOWN"
