"""Fixtures and settings of all tests."""

from hypothesis import settings

pytest_plugins = ("tests.support.servers", "tests.support.workers", "tests.support.lossy")

# How long an example takes says nothing about a property, least of all on a busy machine.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
