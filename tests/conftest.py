"""What all tests share."""

pytest_plugins = ("tests.support.servers", "tests.support.workers", "tests.support.lossy")
