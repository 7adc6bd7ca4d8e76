import signal
import sys
from pathlib import Path

import pytest

from worker.local import ServerUnavailable, process_tree
from worker.local.installations import search_path
from worker.local.process import Runner, ServerProcess
from worker.local.waiting import holds

RUNNER = Runner(None, {"PATH": search_path()})
DEAF_WITH_A_CHILD = """
import os, signal, subprocess, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen(["sleep", "1000"], start_new_session=True)
time.sleep(1000)
"""


async def deaf_with_a_child(folder: Path) -> tuple[ServerProcess, list[process_tree.Process]]:
    process = ServerProcess.start(
        RUNNER,
        (sys.executable, "-c", DEAF_WITH_A_CHILD),
        log=folder / "log",
        ends_by=signal.SIGKILL,
    )
    head = process_tree.find(process.pid)
    assert head is not None
    assert await holds(lambda: len(process_tree.family(head)) == 2, within_seconds=30)
    return process, process_tree.family(head)


async def test_kill_ends_children_in_other_sessions(tmp_path: Path) -> None:
    process, family = await deaf_with_a_child(tmp_path)
    process.kill()
    assert not process.is_running
    assert not any(member.is_alive for member in family)


async def test_stop_kills_processes_after_the_deadline(tmp_path: Path) -> None:
    process, family = await deaf_with_a_child(tmp_path)
    await process.stop(signal.SIGTERM, deadline_seconds=0.1)
    assert not any(member.is_alive for member in family)


async def test_run_quotes_the_output_of_a_program_that_fails() -> None:
    with pytest.raises(ServerUnavailable, match=r"failed:\n    the reason"):
        await RUNNER.run("sh", "-c", "echo the reason; exit 3", timeout_seconds=30)


async def test_run_ends_a_program_that_takes_too_long() -> None:
    with pytest.raises(ServerUnavailable, match=r"took longer than 0\.1 s"):
        await RUNNER.run("sleep", "1000", timeout_seconds=0.1)


async def test_wait_for_gives_up_after_the_deadline(tmp_path: Path) -> None:
    process, _ = await deaf_with_a_child(tmp_path)

    async def never() -> bool:
        return False

    with pytest.raises(ServerUnavailable, match=r"it did not answer in 0\.1 s"):
        await process.wait_for(never, name="it", deadline_seconds=0.1)
    process.kill()
