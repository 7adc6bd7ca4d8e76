"""The process of the installed command: signals, standard streams, exit codes, its account."""

import asyncio
import os
import re
import signal
import socket
import stat
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import asyncpg
import psutil
import pytest

from tests.support.environments import Environment, environment, unmeasured
from tests.support.faults.surroundings import on_a_full_disk
from tests.support.installed_command import COMMAND, NUMBER, PATIENCE_SECONDS, PLACE, imported
from tests.support.platform import Platform
from tests.support.quick import parametrize_quick
from worker.cli.exits import Exit

__all__ = ["environment"]

NOWHERE = {
    **unmeasured(),
    "AMQP_URL": "amqp://guest:guest@127.0.0.1:1/",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    "WORKER_HTTP_PORT": "0",
}
SEND_AND_WAIT = ("send", "activate", NUMBER, *PLACE, "--wait", "--timeout", "300")

PAUSED_WHILE_LOADING = """
import sys
from worker.__main__ import main

class Pause:
    def find_spec(self, name, path=None, target=None):
        if name == "worker.cli":
            print("loading", flush=True)
            sys.stdin.readline()

sys.meta_path.insert(0, Pause())
sys.argv[1:] = ["run"]
main()
"""
"""Runs the worker, but stops while the program is being loaded until a line is given."""


@parametrize_quick("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGINT], quick=1)
async def test_run_ends_in_order_on_a_signal_while_the_program_is_loaded(number: int) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PAUSED_WHILE_LOADING),
        env=NOWHERE,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS) == b"loading\n"
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(b"go on\n"), PATIENCE_SECONDS)

    assert process.returncode == 0
    assert "worker_stopped" in errors.decode()
    assert "Traceback" not in errors.decode()


@parametrize_quick("missing", ["DATABASE_URL", "AMQP_URL"], quick=1)
async def test_run_ends_in_order_while_it_waits_for_a_server(
    environment: Environment, missing: str
) -> None:
    process = await asyncio.create_subprocess_exec(
        COMMAND, "run", env={**environment, missing: NOWHERE[missing]}, stderr=PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while b"_lost" not in await process.stderr.readline():
            pass
    process.terminate()
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert process.returncode == 0
    assert "Traceback" not in errors.decode()


@parametrize_quick(
    "number, code",
    [
        (signal.SIGINT, Exit.INTERRUPTED),
        (signal.SIGTERM, Exit.TERMINATED),
        (signal.SIGHUP, Exit.HUNG_UP),
        (signal.SIGQUIT, Exit.QUIT),
    ],
    quick=1,
)
async def test_commands_end_on_a_signal_with_its_own_code(
    environment: Environment, platform: Platform, number: int, code: Exit
) -> None:
    queue = await platform.channel.declare_queue(exclusive=True)
    await queue.bind("telephony.commands", "#")
    process = await asyncio.create_subprocess_exec(
        COMMAND, *SEND_AND_WAIT, env=dict(environment), stderr=PIPE
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await queue.get(fail=False) is None:
            await asyncio.sleep(0.05)
    process.send_signal(number)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert process.returncode == code
    assert errors == b""


@asynccontextmanager
async def locking(environment: Environment) -> AsyncIterator[asyncpg.Connection]:
    """A session that can lock the worker out of its tables."""
    session = await asyncpg.connect(environment["DATABASE_URL"].replace("+asyncpg", ""))
    try:
        yield session
    finally:
        await session.close()


@asynccontextmanager
async def started(
    environment: Environment, *command: str
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker, started by this command, with its log."""
    process = await asyncio.create_subprocess_exec(
        *command, COMMAND, "run", env=dict(environment), stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_logged(process: asyncio.subprocess.Process, action: str) -> None:
    """Reads the log of the worker until this action."""
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE_SECONDS):
        while action not in (await process.stderr.readline()).decode():
            assert process.returncode is None


@parametrize_quick(
    "first, second, code",
    [
        (signal.SIGTERM, signal.SIGTERM, Exit.TERMINATED),
        (signal.SIGTERM, signal.SIGINT, Exit.INTERRUPTED),
        (signal.SIGINT, signal.SIGHUP, Exit.HUNG_UP),
        (signal.SIGTERM, signal.SIGQUIT, Exit.QUIT),
    ],
    quick=1,
)
async def test_a_second_signal_ends_a_stopping_worker_at_once_and_loses_no_command(
    environment: Environment, platform: Platform, first: int, second: int, code: Exit
) -> None:
    await imported(environment)
    async with locking(environment) as lock, started(environment) as process:
        await until_logged(process, "worker_started")
        async with lock.transaction():
            await lock.execute("LOCK TABLE phone_numbers IN ACCESS EXCLUSIVE MODE")
            command = await platform.send("activate", NUMBER)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not await lock.fetch("SELECT FROM pg_locks WHERE NOT granted"):
                    await asyncio.sleep(0.05)
            process.send_signal(first)
            await until_logged(process, "worker_stopping")
            process.send_signal(second)
            await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)

    assert process.returncode == code
    async with serving(environment):
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]


async def test_run_under_nohup_goes_on_when_its_terminal_is_closed(
    environment: Environment, platform: Platform
) -> None:
    await imported(environment)
    async with started(environment, "nohup") as process:
        await until_logged(process, "worker_started")
        process.send_signal(signal.SIGHUP)
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        process.terminate()
        await until_logged(process, "worker_stopped")
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0


def without_reader() -> int:
    """The end of a pipe whose reader has ended."""
    read, write = os.pipe()
    os.close(read)
    return write


@asynccontextmanager
async def serving(
    environment: Environment, *command: str, error: int | None = None
) -> AsyncIterator[int]:
    """A worker, started by this command, and its HTTP port; it must stop with 0."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        *command, COMMAND, "run", env={**environment, "WORKER_HTTP_PORT": str(port)}, stderr=error
    )
    try:
        yield port
        process.terminate()
        assert await asyncio.wait_for(process.wait(), PATIENCE_SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def lines_lost(port: int) -> float:
    """How many lines of its log the worker has lost."""
    async with (
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
        session.get("/metrics") as response,
    ):
        (line,) = re.findall(
            r"(?m)^activation_worker_log_lines_lost_total (.*)$", await response.text()
        )
    return float(line)


async def test_worker_serves_with_closed_standard_streams(
    environment: Environment, platform: Platform
) -> None:
    await imported(environment)
    closing = ("bash", "-c", 'exec "$@" <&- >&- 2>&-', "bash")
    async with serving(environment, *closing) as port:
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
        assert await lines_lost(port) == 0


@parametrize_quick("log", [on_a_full_disk, without_reader], quick=1)
async def test_worker_serves_and_counts_lost_lines_when_its_log_cannot_be_written(
    environment: Environment, platform: Platform, log: Callable[[], int]
) -> None:
    await imported(environment)
    error = log()
    try:
        async with serving(environment, error=error) as port:
            command = await platform.send("activate", NUMBER)
            assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
            assert await lines_lost(port) > 0
    finally:
        os.close(error)


async def printing_to(
    output: int, environment: Environment, *arguments: str, error: int = PIPE
) -> tuple[int | None, str]:
    """Runs the command with this standard output; its exit code and its errors."""
    try:
        process = await asyncio.create_subprocess_exec(
            COMMAND, *arguments, env=dict(environment), stdout=output, stderr=error
        )
    finally:
        os.close(output)
    _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    return process.returncode, (errors or b"").decode()


PRINTING = parametrize_quick(
    "arguments",
    [
        ("show", NUMBER),
        ("--help",),
        ("show", "--help"),
        ("pending",),
        ("check",),
        ("send", "activate", NUMBER, *PLACE),
    ],
    quick=2,
    ids=" ".join,
)


@PRINTING
async def test_commands_end_quietly_when_the_reader_of_their_output_has_ended(
    environment: Environment, arguments: tuple[str, ...]
) -> None:
    await imported(environment)

    assert await printing_to(without_reader(), environment, *arguments) == (Exit.BROKEN_PIPE, "")


@PRINTING
async def test_commands_name_a_full_disk_as_the_reason(
    environment: Environment, arguments: tuple[str, ...]
) -> None:
    await imported(environment)
    code, errors = await printing_to(on_a_full_disk(), environment, *arguments)

    assert code == Exit.INPUT_OUTPUT
    assert errors == ("Error: The output cannot be written: [Errno 28] No space left on device.\n")


async def test_import_names_an_input_that_cannot_be_read(environment: Environment) -> None:
    unreadable = os.open(os.devnull, os.O_WRONLY)
    try:
        process = await asyncio.create_subprocess_exec(
            COMMAND, "import", "-", env=dict(environment), stdin=unreadable, stderr=PIPE
        )
        _, errors = await asyncio.wait_for(process.communicate(), PATIENCE_SECONDS)
    finally:
        os.close(unreadable)

    assert process.returncode == Exit.INPUT_OUTPUT
    assert errors == b"Error: The records cannot be read: [Errno 9] Bad file descriptor.\n"


async def test_errors_keep_their_exit_code_when_they_cannot_be_printed(
    environment: Environment,
) -> None:
    await imported(environment)
    error = on_a_full_disk()
    try:
        unknown = await printing_to(
            os.open(os.devnull, os.O_WRONLY), environment, "show", "+449999999", error=error
        )
    finally:
        os.close(error)

    assert unknown == (Exit.NOT_FOUND, "")


@pytest.fixture
def as_root() -> None:
    """Skips the test without root's rights, except under CI, where it fails."""
    if os.geteuid() != 0 and not os.environ.get("CI"):
        pytest.skip("needs root's rights to make namespaces and change accounts")


@pytest.mark.usefixtures("as_root")
async def test_run_stops_on_a_signal_as_the_first_process_of_a_container() -> None:
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *(sys.executable, "-c", PAUSED_WHILE_LOADING),
        env=NOWHERE,
        stdin=PIPE,
        stdout=PIPE,
        stderr=PIPE,
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), PATIENCE_SECONDS) == b"loading\n"
    (first,) = psutil.Process(process.pid).children()
    first.terminate()
    _, errors = await asyncio.wait_for(process.communicate(b"go on\n"), PATIENCE_SECONDS)

    assert process.returncode == 0
    assert "worker_stopped" in errors.decode()


@pytest.fixture
def readable_by_others() -> None:
    """Skips the test in a folder that only its owner may enter, except under CI."""
    entered = all(folder.stat().st_mode & stat.S_IXOTH for folder in Path(COMMAND).parents)
    if not entered and not os.environ.get("CI"):
        pytest.skip(f"another account cannot start {COMMAND}: a folder is closed to it")


READ_ONLY = """
mount --make-rprivate / &&
for folder in $(findmnt --noheadings --list --output TARGET); do
    case $folder in /proc*|/sys*|/dev*) ;; *) mount -o remount,bind,ro "$folder" ;; esac
done
exec setpriv --reuid 47110 --regid 47110 --clear-groups "$@"
"""
"""Makes every file system read-only, and runs the command as a user who is in no passwd file."""


@pytest.mark.usefixtures("as_root", "readable_by_others")
async def test_worker_serves_as_any_user_without_a_home_on_a_read_only_file_system(
    environment: Environment, platform: Platform
) -> None:
    await imported(environment)
    bare = {name: value for name, value in environment.items() if name not in {"HOME", "USER"}}
    inside = ("unshare", "--mount", "bash", "-c", READ_ONLY, "bash")
    async with serving(bare, *inside):
        command = await platform.send("activate", NUMBER)
        assert await platform.outcome(command) == ["PENDING", "ACTIVE"]
