"""The page about the conformance kit: its three commands run as they stand there."""

import asyncio
import json
import os
import re
import shlex
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from activation_contracts.conformance.files import judge_files
from activation_contracts.conformance.reporting import lines, summary
from activation_contracts.documents.folder import DOCUMENTS

from tests.contracts.exported import EXPORTED
from tests.support.conformance import planned_cases, results_of
from tests.support.mistaken_pbx import serving
from worker.local import PrivateServers

pytestmark = pytest.mark.publishes_anything  # the kit plays a worker of a later version

PAGE = DOCUMENTS / "conformance.md"
TIMEOUT_SECONDS = 120


def text_of(name: str) -> str:
    page = PAGE.read_text(encoding="utf-8")
    (text,) = re.findall(rf"<!-- runnable: {name} -->\n```sh\n(.*?)```", page, re.DOTALL)
    return str(text)


def command(name: str) -> list[str]:
    words = shlex.split(text_of(name))
    assert words[0] == "python"
    return [sys.executable, *words[1:]]


async def output_of(
    name: str, folder: Path, amqp_url: str, *options: str
) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        *(*command(name), *options),
        cwd=folder,
        env={**os.environ, "AMQP_URL": amqp_url},
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), TIMEOUT_SECONDS)
    return process.returncode, output.decode()


async def test_command_for_a_broker_passes_the_fake_pbx(tmp_path: Path, amqp_url: str) -> None:
    async with serving(amqp_url):
        status, output = await output_of("broker", tmp_path, amqp_url)

    assert status == 0, output
    assert "FAIL" not in output
    assert "not run: restart (--restart-command)" in output


async def test_commands_for_a_virtual_host_make_one_for_the_kit(
    tmp_path: Path, servers: PrivateServers
) -> None:
    name = f"conformance_{uuid4().hex}"
    management = f"http://guest:guest@127.0.0.1:{servers.rabbitmq.ports.management}"
    process = await asyncio.create_subprocess_exec(
        *("sh", "-e", "-c", text_of("virtual-host").replace("conformance", name)),
        cwd=EXPORTED,
        env={**os.environ, "MANAGEMENT_URL": management, "NO_PROXY": "*"},
    )
    try:
        assert await asyncio.wait_for(process.wait(), TIMEOUT_SECONDS) == 0
        async with serving(servers.rabbitmq.url + name):
            options = ("--vhost", name, "--case", "logout")
            status, output = await output_of("broker", tmp_path, servers.rabbitmq.url, *options)
    finally:
        await servers.rabbitmq.delete_virtual_host(name)

    assert status == 0, output


async def test_commands_for_files_write_requests_and_judge_results(tmp_path: Path) -> None:
    assert (await output_of("write", tmp_path, ""))[0] == 0
    requests = tmp_path / "requests"
    cases = json.loads((requests / "cases.json").read_text(encoding="utf-8"))
    bodies = [(requests / item["file"]).read_bytes() for case in cases for item in case["messages"]]
    results = tmp_path / "results"
    results.mkdir()
    for place, item in enumerate(results_of(bodies)):
        (results / f"{place:04}.json").write_bytes(item.encode())
    status, output = await output_of("files", tmp_path, "")

    assert status == 0, output
    assert f"{len(cases) + 1} cases: {len(cases) + 1} passed, 0 failed." in output


def test_page_shows_the_summary_as_the_kit_prints_it() -> None:
    (block,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    shown = json.loads(block)
    printed = summary(judge_files(planned_cases("logout"), []), {"restart": "--restart-command"})

    for place in ("expected", "actual", "passed"):
        assert shown["cases"][0][place] == printed["cases"][0][place]
    assert shown["cases"][0].keys() == printed["cases"][0].keys()
    findings = [document["cases"][0]["findings"][0] for document in (shown, printed)]
    assert findings[0].keys() == findings[1].keys()
    assert findings[0]["expected"] == findings[1]["expected"]
    assert shown.keys() == printed.keys()
    assert shown["not_run"] == printed["not_run"]


def test_page_shows_the_output_as_the_kit_prints_it() -> None:
    (planned,) = planned_cases("remove-late")
    well = [item.encode() for item in results_of(request.body for request in planned.requests)]
    badly = [
        *well,
        well[0].replace(planned.requests[0].id.encode(), planned.requests[1].id.encode()),
    ]
    passed, failed = (list(lines(judge_files([planned], said), {})) for said in (well, badly))
    page = PAGE.read_text(encoding="utf-8")

    assert "\n".join(passed[:3]) in page
    shown = re.sub(
        r"sequence \d+, id \S+", "sequence 289500122, id 3d0c...", "\n".join(failed[3:7])
    )
    assert shown in page
