"""What all tests share."""

from hypothesis import settings

pytest_plugins = ("tests.support.servers", "tests.support.workers", "tests.support.lossy")

# Time is no measure of a property, on a busy machine least of all.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")
