"""The container's health check: `python -m worker.telemetry.health_check`.

Asks the worker of the same environment for `/healthz`, wherever its settings let it listen. It
reads only the settings of the endpoints: a URL whose file has changed is no fault of the process.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from typing import Final

from worker.settings import SettingsError, load

__all__ = ["check_health"]

PREFIX: Final = "WORKER_HTTP_"
TIMEOUT_SECONDS: Final = 2
LOOPBACKS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- no address to bind
"""Where to ask a worker that listens on every address."""


def check_health(environment: Mapping[str, str]) -> str | None:
    """None if the worker answers; otherwise a sentence about the problem."""
    try:
        settings = load(
            {name: value for name, value in environment.items() if name.startswith(PREFIX)}
        )
    except SettingsError as error:
        return str(error)
    host = LOOPBACKS.get(settings.http_host, settings.http_host)
    # Unlike `urllib`, it uses no proxy.
    connection = http.client.HTTPConnection(host, settings.http_port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/healthz")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"The worker does not answer on {host}, port {settings.http_port}: {error}."
    finally:
        connection.close()
    return None if status == http.client.OK else f"The worker answers with {status}."


if __name__ == "__main__":
    sys.exit(check_health(os.environ))
