"""The log masks passwords always, and phone numbers if a setting says so."""

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.telemetry.logs import Action, configure, get_logger
from worker.telemetry.masking import mask, mask_numbers, mask_secrets, show_numbers

NUMBER = "+442079460201"
MASKED = "+4420******01"

numbers = st.from_regex(r"\A\+[1-9][0-9]{6,14}\Z")


@pytest.fixture(autouse=True)
def _full_numbers() -> Iterator[None]:
    """Shows numbers again after each test."""
    yield
    show_numbers("full")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("amqp://user:word@host:5672/", "amqp://user:***@host:5672/"),
        ("amqp://a:b@one,amqp://c:d@two", "amqp://a:***@one,amqp://c:***@two"),
        ("postgresql+asyncpg://u:p@ss@host/db", "postgresql+asyncpg://u:***@host/db"),
        ("redis://:word@host", "redis://:***@host"),
        ("host=h password=word user=u", "host=h password=*** user=u"),
        ("http://host:8080/metrics", "http://host:8080/metrics"),
        ("user@host wrote: no", "user@host wrote: no"),
    ],
)
def test_mask_secrets_masks_passwords_in_urls(text: str, masked: str) -> None:
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (NUMBER, MASKED),
        (f"Key (phone_number)=({NUMBER}) exists", f"Key (phone_number)=({MASKED}) exists"),
        (f"{NUMBER}{NUMBER}", f"{MASKED}{MASKED}"),
        (f"{NUMBER} 2026-11-30", f"{MASKED} 2026-11-30"),
        ("tel:%2B442079460201", "tel:%2B4420******01"),
        ("+44 20 7946 0201", "+44 20 **** **01"),
        ("+44 (20) 7946-0201", "+44 (20) ****-**01"),
        ("+1234567", "+1234*67"),
        ("+123456", "+123456"),
        ("2026-11-30T10:00:00.123456+01:00", "2026-11-30T10:00:00.123456+01:00"),
        ("6fa459ea-ee8a-3ca4-894e-db77e160355e", "6fa459ea-ee8a-3ca4-894e-db77e160355e"),
    ],
)
def test_mask_numbers_keeps_four_digits_and_two(text: str, masked: str) -> None:
    assert mask_numbers(text) == masked


@given(st.text(max_size=9), numbers, st.text(st.characters(exclude_categories=["Nd"]), max_size=9))
def test_no_text_around_a_number_keeps_it_from_being_masked(
    before: str, number: str, after: str
) -> None:
    assert number not in mask_numbers(f"{before}{number}{after}")


def test_numbers_are_shown_unless_the_setting_masks_them() -> None:
    assert mask(NUMBER) == NUMBER
    show_numbers("masked")
    assert mask(f"amqp://u:word@h {NUMBER}") == f"amqp://u:***@h {MASKED}"


def _fail(message: str) -> None:
    raise ConnectionError(message)


@pytest.mark.parametrize("chosen", ["json", "pretty"])
def test_the_log_masks_numbers_in_fields_lists_tracebacks_and_libraries(chosen: str) -> None:
    stream = io.StringIO()
    configure(
        stream, format="json" if chosen == "json" else "pretty", level="info", numbers="masked"
    )

    get_logger().info(Action.COMMAND_ACCEPTED, phone_number=NUMBER, others=[NUMBER])
    logging.getLogger("aiormq.connection").warning("lost %s", NUMBER)
    try:
        _fail(NUMBER)
    except ConnectionError:
        get_logger().error(Action.UNEXPECTED_ERROR, exc_info=True)

    assert NUMBER not in stream.getvalue()
    assert len(re.findall(re.escape(MASKED), stream.getvalue())) >= 4
    if chosen == "json":
        assert json.loads(stream.getvalue().splitlines()[0])["phone_number"] == MASKED
