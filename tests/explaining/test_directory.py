"""Why a number is not provisioned."""

from collections.abc import Mapping
from typing import Any

import pytest

from worker.explaining.directory import why_missing


@pytest.mark.parametrize(
    ("deleted", "said"),
    [
        (None, "The platform has not stated it to the worker. Write numbers like +442079460000."),
        ({"sequence": 4, "version": None}, "The platform has deleted it. Its last sequence is 4."),
        (
            {"sequence": 4, "version": 7},
            (
                "The platform has deleted it. Its last sequence is 4, the last version of its"
                " record 7."
            ),
        ),
    ],
)
def test_a_deleted_number_reads_other_than_one_never_stated(
    deleted: Mapping[str, Any] | None, said: str
) -> None:
    assert why_missing({"deleted": deleted}) == said
