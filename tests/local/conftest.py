"""Servers that a test may stop, kill and restart, in place of those of the session."""

import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from worker.local import PrivatePostgreSQL, PrivateRabbitMQ, missing_servers


@contextmanager
def passable_folder() -> Iterator[Path]:
    """A folder that other users can traverse, unlike those of pytest.

    If the servers are not installed, the test is skipped; with CI set, it fails.
    """
    if missing_servers() and not os.environ.get("CI"):
        pytest.skip(" ".join(missing_servers()))
    with tempfile.TemporaryDirectory(prefix="activation-servers-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def folder() -> Iterator[Path]:
    with passable_folder() as made:
        yield made


@pytest.fixture(scope="module")
def lasting_folder() -> Iterator[Path]:
    with passable_folder() as made:
        yield made


@pytest.fixture(scope="module")
async def postgresql(lasting_folder: Path) -> AsyncIterator[PrivatePostgreSQL]:
    async with PrivatePostgreSQL.started(lasting_folder) as started:
        yield started


@pytest.fixture(scope="module")
async def rabbitmq(lasting_folder: Path) -> AsyncIterator[PrivateRabbitMQ]:
    async with PrivateRabbitMQ.started(lasting_folder, keep=False) as started:
        yield started
