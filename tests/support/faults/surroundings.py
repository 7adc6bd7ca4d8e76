"""Faults of the machine on which a worker runs: its clock and its disk."""

import os
from pathlib import Path
from typing import Final

import pytest

from tests.support.environments import Environment

__all__ = ["on_a_full_disk", "with_clock"]

LIBRARIES: Final = Path("/usr/lib")


def with_clock(environment: Environment, offset: str) -> Environment:
    """The environment of a process whose clock is wrong by the offset."""
    found = next(LIBRARIES.glob("*/faketime/libfaketime.so.1"), None)
    if found is None:
        assert not os.environ.get("CI"), "faketime is not installed"
        pytest.skip("faketime is not installed")
    return {**environment, "LD_PRELOAD": str(found), "FAKETIME": offset}


def on_a_full_disk() -> int:
    """A file on a disk without space."""
    return os.open("/dev/full", os.O_WRONLY)
