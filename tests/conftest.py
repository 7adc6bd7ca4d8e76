"""Fixtures and settings of all tests."""

import asyncio
import gc
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog
import uvloop
from hypothesis import settings
from typing_extensions import override

pytest_plugins = (
    "tests.support.node",
    "tests.support.servers.running",
    "tests.support.workers",
    "tests.support.faults.lossy",
    "tests.support.servers.certificates",
    "tests.support.servers.postgresql",
    "tests.support.servers.pgbouncer",
    "tests.support.servers.administration",
    "tests.support.contract.hook",
)

# How long an example takes says nothing about a property, least of all on a busy machine.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(autouse=True)
def _default_log() -> Iterator[None]:
    """Resets the log after each test: commands under test configure it for the whole process."""
    yield
    structlog.reset_defaults()


class StrayErrors(logging.Handler):
    """Collects the errors of tasks and callbacks that nothing awaits: asyncio only logs them."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    @override
    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(self.format(record))


@pytest.fixture(autouse=True)
def _no_stray_errors() -> Iterator[None]:
    """Fails a test that leaves such an error, in any event loop of the process."""
    errors = StrayErrors()
    logger = logging.getLogger("asyncio")
    logger.addHandler(errors)
    yield
    logger.removeHandler(errors)
    assert errors.messages == []


def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The worker's own event loop, which takes half of asyncio's processor time."""
    return {"uvloop": uvloop.new_event_loop}


def pytest_collection_finish() -> None:
    """Exempts what is loaded from the garbage collector, which would traverse it again and again.

    While the tests were loaded, it took a quarter of that time.
    """
    gc.freeze()
    gc.enable()


# Until everything is loaded.
gc.disable()
