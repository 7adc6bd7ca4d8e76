"""At which devices a number is logged in, and at which it may still be."""

from typing import Any

import pytest

from tests.support.data.shown import NOON
from worker.explaining.devices import logged_in_at

DESK = {"device_id": "desk-7", "device_kind": "digital"}
FAX = {"device_id": "fax-12", "device_kind": "analogue"}
OPEN = {**FAX, "closed_at": None}
CLOSED = {**FAX, "closed_at": NOON}


@pytest.mark.parametrize(
    ("logins", "manual_logouts", "said"),
    [
        ([], [], "no device"),
        ([DESK], [], "desk-7 (digital)"),
        ([], [CLOSED], "no device"),
        ([], [OPEN], "perhaps fax-12 (analogue) until someone logs it out by hand"),
        (
            [DESK],
            [OPEN],
            "desk-7 (digital), and perhaps fax-12 (analogue) until someone logs it out by hand",
        ),
        ([FAX], [OPEN], "fax-12 (analogue)"),
    ],
)
def test_a_device_that_awaits_a_manual_logout_may_be_logged_in(
    logins: list[dict[str, Any]], manual_logouts: list[dict[str, Any]], said: str
) -> None:
    assert logged_in_at({"logins": logins, "manual_logouts": manual_logouts}) == said
