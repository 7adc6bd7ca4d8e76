"""A real browser, Chromium without a window, driven by its WebDriver."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["Browser", "chromium"]

COMMAND_SECONDS: Final = 60
OPTIONS: Final = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--disable-dev-shm-usage", "--force-prefers-reduced-motion"),
)


class Browser:
    """A session of the browser with one window."""

    def __init__(self, port: int, session: str) -> None:
        self._port = port
        self._session = session

    def open(self, page: Path | str, *, width: int, dark: bool = False) -> None:
        """Shows a file, or an address, in a window of this width; forgets the log of before."""
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
        self._devtools("Emulation.setDeviceMetricsOverride", size)
        self._devtools("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._log("browser")
        self._log("performance")
        self._do("POST", "/url", {"url": page if isinstance(page, str) else page.as_uri()})

    def run(self, script: str) -> Any:
        """The result of a script in the page."""
        return self._do("POST", "/execute/sync", {"script": script, "args": []})

    def console(self) -> list[str]:
        """What the page wrote to the console, errors of the browser included."""
        return [str(entry["message"]) for entry in self._log("browser")]

    def requested(self) -> list[str]:
        """The addresses that the page requested since it was opened."""
        messages = [json.loads(entry["message"])["message"] for entry in self._log("performance")]
        return [
            it["params"]["request"]["url"]
            for it in messages
            if it["method"] == "Network.requestWillBeSent"
        ]

    def picture(self) -> str:
        """The whole page as a PNG, in base64."""
        options = {"format": "png", "captureBeyondViewport": True}
        return str(self._devtools("Page.captureScreenshot", options)["data"])

    def _log(self, kind: str) -> list[dict[str, Any]]:
        return list(self._do("POST", "/se/log", {"type": kind}))

    def _devtools(self, command: str, parameters: object) -> Any:
        return self._do("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def _do(self, method: str, path: str, body: object) -> Any:
        return _request(self._port, method, f"/session/{self._session}{path}", body)


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """A browser whose profile is in this empty folder; skips the test if none is installed."""
    driver, program = shutil.which("chromedriver"), shutil.which("chromium")
    if driver is None or program is None:
        assert not os.environ.get("CI"), "chromium and chromium-driver are not installed"
        pytest.skip("needs chromium and chromium-driver: .ci/setup tests installs them")
    # The browser writes beside its profile, too: into the home of the user.
    environment = {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen(
        [driver, "--port=0"], stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            port = _port_of(process)
            session = _request(port, "POST", "/session", _capabilities(program, folder))
            try:
                yield Browser(port, session["sessionId"])
            finally:
                _request(port, "DELETE", f"/session/{session['sessionId']}", None)
        finally:
            process.terminate()


def _port_of(process: "subprocess.Popen[str]") -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if "successfully on port" in line:
            return int(line.rpartition(" ")[2].strip().rstrip("."))
    raise AssertionError("chromedriver has ended")


def _capabilities(program: str, folder: Path) -> object:
    options = {"binary": program, "args": [*OPTIONS, f"--user-data-dir={folder / 'profile'}"]}
    logs = {"browser": "ALL", "performance": "ALL"}
    wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": logs}
    return {"capabilities": {"alwaysMatch": wanted}}


def _request(port: int, method: str, path: str, body: object) -> Any:
    connection = HTTPConnection("127.0.0.1", port, timeout=COMMAND_SECONDS)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        value = json.loads(answer.read())["value"]
        assert answer.status == 200, f"{method} {path}: {value}"
        return value
    finally:
        connection.close()
