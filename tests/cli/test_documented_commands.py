"""Each command line that a document shows is executed, and each make target exists."""

import os
import re
import shlex
from pathlib import Path

import pytest
from activation_contracts.documents.folder import DOCUMENTS
from activation_contracts.fake_pbx.__main__ import main as fake_pbx

from tests.support.command_line import Invoke
from tests.support.data.inserts import operation
from tests.support.workers import store, until_leading, working
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.connecting.engine import Database

REPOSITORY = DOCUMENTS.parents[1]
README = REPOSITORY / "README.md"
OPERATIONS = REPOSITORY / "worker" / "docs" / "operations.md"
RUNBOOK = sorted((OPERATIONS.parent / "runbook").glob("*.md"))
PAGES = [README, OPERATIONS, *sorted(DOCUMENTS.glob("*.md"))]

SENT = "send"
STARTED_ELSEWHERE = ("run", "standalone")
"""Commands that go on until they are stopped: test_installed_command and test_standalone start
them, with every option that the documents show."""

NUMBER = "+442079460201"
NAMED_FOR_EXAMPLE = {"4711", "KEY", "fax-2"}
"""What a document names for example, and nobody has."""


def shown(page: Path, program: str) -> list[list[str]]:
    """The arguments of the program in each command line of the page's blocks, without comments."""
    text = page.read_text(encoding="utf-8")
    fenced = "".join(re.findall(r"^```sh\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    lines = [*re.findall(r"^ {4,}(\S.*)$", text, re.MULTILINE), *fenced.splitlines()]
    parts = (part for line in lines for part in line.split(" && "))
    return [
        shlex.split(part.removeprefix(program), comments=True)
        for part in parts
        if part.startswith(f"{program} ")
    ]


def allowed(arguments: list[str]) -> set[Exit]:
    """How the command may end on servers that hold the records."""
    if arguments[0] == "reconcile":
        return {Exit.DONE, Exit.DIFFERENT}
    return {Exit.NOT_FOUND} if NAMED_FOR_EXAMPLE & {*arguments} else {Exit.DONE}


@pytest.fixture
def records_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file in the current folder with the records that the page for operators gives."""
    text = OPERATIONS.read_text(encoding="utf-8")
    records = re.findall(r'^    (\{"kind".*\})$', text, re.MULTILINE)
    (tmp_path / "records.jsonl").write_text("\n".join(records), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "records.jsonl"


@pytest.fixture
async def in_use(invoke: Invoke, database: Database, settings: Settings, records_file: str) -> None:
    """The records, imported, and commands sent as README says."""
    assert (await invoke("import", records_file)).exit_code == Exit.DONE
    sends = [words for words in shown(README, "activation-worker") if words[0] == SENT]
    async with working(database, settings) as worker:
        await until_leading(worker)
        # A preview of a command that has not been sent: afterwards it would be refused.
        for arguments in sorted(sends, key=lambda words: "--preview" not in words):
            sent = await invoke(*arguments)
            assert (sent.exit_code, "ACTIVE" in sent.output) == (Exit.DONE, True)
    # For an operator to decide on.
    pending = f"UPDATE phone_numbers SET status = 'PENDING' WHERE phone_number = '{NUMBER}'"
    await store(database, pending, operation(NUMBER, operation="deactivate"))


@pytest.mark.usefixtures("in_use")
@pytest.mark.parametrize(
    "pages",
    [
        [README],
        pytest.param([OPERATIONS], marks=pytest.mark.campaign),
        pytest.param(RUNBOOK, marks=pytest.mark.campaign),
    ],
    ids=["README", "operations", "runbook"],
)
async def test_every_command_of_the_pages_works_as_it_is_shown(
    invoke: Invoke, pages: list[Path]
) -> None:
    others = [
        arguments
        for page in pages
        for arguments in shown(page, "activation-worker")
        if arguments[0] not in {SENT, *STARTED_ELSEWHERE}
    ]

    assert len(others) > 10
    for arguments in others:
        result = await invoke(*arguments, given="y\n")
        assert result.exit_code in allowed(arguments), (arguments, result.output)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_call_of_the_fake_pbx_is_understood(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # It reads its arguments first; with this URL it then ends.
    monkeypatch.setitem(os.environ, "AMQP_URL", "none")
    for arguments in shown(page, "python -m activation_contracts.fake_pbx"):
        with pytest.raises(SystemExit) as ended:
            fake_pbx(arguments)
        assert ended.value.code == 0 if "--help" in arguments else "AMQP_URL" in str(ended.value)


@pytest.mark.parametrize("page", [README, *sorted(OPERATIONS.parent.glob("*.md"))])
def test_every_make_target_that_a_page_shows_exists(page: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = {*re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)}

    assert {arguments[0] for arguments in shown(page, "make")} <= targets
