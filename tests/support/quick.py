"""Tables of tests of which only some rows are quick enough for `make test`."""

from collections.abc import Sequence
from typing import Any

import pytest

__all__ = ["parametrize_quick"]


def parametrize_quick(
    names: str, rows: Sequence[Any], *, quick: int, ids: Any = None
) -> pytest.MarkDecorator:
    """`pytest.mark.parametrize`, where `make test` runs the first rows and `make test-long` others.

    For rows that each start processes: the first ones stand for each kind, so a fault of the kind
    shows in both.
    """
    several = "," in names
    later = [
        pytest.param(*(row if several else (row,)), marks=pytest.mark.campaign)
        for row in rows[quick:]
    ]
    return pytest.mark.parametrize(names, [*rows[:quick], *later], ids=ids)
