"""What was committed need not be looked for, and never takes the place of a look."""

from datetime import UTC, datetime

from worker.relay.upcoming import Upcoming
from worker.storage.outbox import OutgoingMessage

MAXIMUM = 5
NOW = datetime(2026, 11, 25, tzinfo=UTC)


NUMBER, OTHER_NUMBER = "+442079460000", "+442079460001"


def message(position: int, phone_number: str = NUMBER) -> OutgoingMessage:
    return OutgoingMessage(
        position=position,
        phone_number=phone_number,
        message_id=f"message-{position}",
        message_type="test",
        exchange="telephony.events",
        routing_key="phone_number.status.active",
        correlation_id="story",
        must_be_routed=False,
        holds_operation=False,
        awaited=False,
        ordered=True,
        body=b"{}",
        decided_at=NOW,
        queued_at=NOW,
        attempts=0,
    )


def messages(*positions: int) -> list[OutgoingMessage]:
    return [message(position) for position in positions]


def in_step() -> Upcoming:
    upcoming = Upcoming(MAXIMUM)
    upcoming.looked([], is_all=True)
    return upcoming


def test_nothing_is_known_before_the_first_look() -> None:
    upcoming = Upcoming(MAXIMUM)
    upcoming.add(messages(1))

    assert not upcoming.is_complete


def test_what_was_committed_after_a_look_is_taken_in_its_order() -> None:
    upcoming = in_step()
    upcoming.add(messages(3, 4))
    upcoming.add([message(2, OTHER_NUMBER)])
    upcoming.add(messages(5))

    assert upcoming.is_complete
    assert [item.position for item in upcoming.take(2)] == [3, 4]
    assert [item.position for item in upcoming.take(2)] == [2, 5]
    assert upcoming.take(2) == []


def test_what_is_told_behind_a_later_message_of_its_number_is_looked_for_in_order() -> None:
    upcoming = in_step()
    upcoming.add(messages(3))
    upcoming.add([message(1, OTHER_NUMBER), *messages(2, 4)])

    assert not upcoming.is_complete
    assert upcoming.take(MAXIMUM) == []


def test_what_a_look_has_found_is_not_taken_once_more() -> None:
    upcoming = Upcoming(MAXIMUM)
    upcoming.add(messages(1, 2))
    upcoming.looked(messages(1), is_all=True)

    assert [item.position for item in upcoming.take(MAXIMUM)] == [2]


def test_what_a_look_has_found_is_not_taken_when_it_is_handed_over_late() -> None:
    upcoming = Upcoming(MAXIMUM)
    upcoming.looked(messages(1), is_all=True)
    upcoming.add(messages(1, 2))

    assert [item.position for item in upcoming.take(MAXIMUM)] == [2]


def test_it_knows_of_which_numbers_it_speaks() -> None:
    upcoming = in_step()
    upcoming.add(messages(1))

    assert upcoming.speaks_of({NUMBER})
    assert not upcoming.speaks_of({OTHER_NUMBER})
    assert not upcoming.speaks_of(set())


def test_what_former_looks_have_found_is_remembered_for_a_while() -> None:
    upcoming = Upcoming(MAXIMUM)
    upcoming.looked(messages(1), is_all=True)
    upcoming.looked(messages(2), is_all=True)
    upcoming.add(messages(1, 2, 3))

    assert [item.position for item in upcoming.take(MAXIMUM)] == [3]


def test_in_doubt_everything_is_looked_for() -> None:
    upcoming = in_step()
    upcoming.add(messages(1))
    upcoming.doubt()

    assert not upcoming.is_complete
    assert upcoming.take(MAXIMUM) == []


def test_more_than_fits_is_looked_for() -> None:
    upcoming = in_step()
    upcoming.add(messages(*range(MAXIMUM + 1)))

    assert not upcoming.is_complete
    assert upcoming.take(MAXIMUM) == []


def test_what_is_told_too_late_to_know_whether_it_was_found_is_looked_for() -> None:
    upcoming = in_step()
    upcoming.looked(messages(*range(1, MAXIMUM + 2)), is_all=True)
    upcoming.add(messages(1))

    assert not upcoming.is_complete
    assert upcoming.take(MAXIMUM) == []
