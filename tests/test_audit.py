"""The audit of the pinned packages finds what it looks for."""

import http.server
import threading
import zipfile
from collections.abc import Iterator
from email.message import Message
from hashlib import sha256
from importlib.metadata import PackageMetadata
from pathlib import Path
from typing import cast

import pytest
from typing_extensions import override

from tests.audit import ALL, SHIPPED, judge_registry, licence_of, pins_of, unknown_licences

WHEEL = "withdrawn-1.0-py3-none-any.whl"


def package(**fields: str) -> PackageMetadata:
    message = Message()
    for name, value in fields.items():
        message[name.replace("_", "-")] = value
    return cast("PackageMetadata", message)


def test_every_pin_of_the_locks_has_a_hash() -> None:
    shipped, everything = (pins_of(lock.read_text(encoding="utf-8")) for lock in (SHIPPED, ALL))

    assert len(shipped) > 20
    assert {*shipped} < {*everything}
    assert [name for name, hashes in everything.items() if not hashes] == []


def test_a_pin_without_a_hash_is_seen() -> None:
    lock = f"a==1 \\\n    --hash=sha256:{'0' * 64}\nb==2\nc==3 ; python_version < '4'\n"

    assert pins_of(lock) == {"a": 1, "b": 0, "c": 0}


@pytest.mark.parametrize(
    ("fields", "licence"),
    [
        ({"License_Expression": "MIT", "License": "text"}, "MIT"),
        ({"License": "Apache 2.0"}, "Apache-2.0"),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT"),
        ({}, "none named"),
    ],
)
def test_a_licence_is_found_wherever_it_stands(fields: dict[str, str], licence: str) -> None:
    assert licence_of(package(**fields)) == licence


def test_a_licence_that_is_not_known_is_named() -> None:
    licences = {
        "free": "Apache-2.0 AND MIT",
        "either": "GPL-3.0-only OR MIT",
        "viral": "GPL-3.0-only",
        "partly": "MIT AND GPL-3.0-only",
        "silent": "none named",
    }

    assert [line.partition(":")[0] for line in unknown_licences(licences)] == [
        *("viral", "partly", "silent")
    ]


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A package index with one release, which was withdrawn; its address and the file's hash."""
    info = "withdrawn-1.0.dist-info"
    with zipfile.ZipFile(tmp_path / WHEEL, "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: withdrawn\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    content = (tmp_path / WHEEL).read_bytes()

    class Index(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = f'<a href="/{WHEEL}" data-yanked="broken">{WHEEL}</a>'.encode()
            body = content if self.path.endswith(".whl") else page
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Says nothing."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Index) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", sha256(content).hexdigest()
        server.shutdown()


def test_a_withdrawn_release_and_a_changed_file_are_problems(
    registry: tuple[str, str], tmp_path: Path
) -> None:
    address, digest = registry
    lock = tmp_path / "lock"
    found = []
    for pinned in (digest, "0" * 64):
        lock.write_text(f"withdrawn==1.0 --hash=sha256:{pinned}\n")
        here_alone = ("--isolated", "--no-index", "--find-links", address)
        found.append("\n".join(judge_registry(lock, *here_alone)))

    assert "yanked version" in found[0]
    assert "DO NOT MATCH THE HASHES" in found[1]
