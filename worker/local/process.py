"""Runs the programs of a server: under its account, in its environment, never left behind."""

import asyncio
import signal
import subprocess
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from worker.local import process_tree
from worker.local.account import Account
from worker.local.installations import program
from worker.local.unavailable import PortTaken, ServerUnavailable
from worker.local.waiting import holds

__all__ = ["Runner", "ServerProcess"]

POLL_SECONDS: Final = 0.02
TAIL_LINES: Final = 20
ROOT: Final = "/"
"""The working directory: `rabbitmqctl` warns about one whose parent it cannot list."""
PORT_TAKEN: Final = ("address already in use", "address in use", "eaddrinuse")


@dataclass(frozen=True, slots=True)
class Runner:
    """Runs the programs of one server."""

    account: Account | None
    environment: Mapping[str, str]

    def guarded(self, command: Sequence[str], ends_by: signal.Signals) -> list[str]:
        """The command, run as the server's user and sent this signal when its parent dies.

        One program must do both: the kernel clears that signal when a process changes its user.
        """
        guard = [program("setpriv", package="util-linux"), "--pdeathsig", ends_by.name[3:]]
        if self.account is not None:
            user, group = str(self.account.user_id), str(self.account.group_id)
            guard += ["--reuid", user, "--regid", group, "--clear-groups"]
        return [*guard, "--", *command]

    async def run(
        self, *command: str, timeout_seconds: float, standard_input: str | None = None
    ) -> str:
        """Runs a program and returns its output. Raises `ServerUnavailable` if it fails."""
        given = None if standard_input is None else standard_input.encode()
        process = await asyncio.create_subprocess_exec(
            *self.guarded(command, signal.SIGKILL),
            env=dict(self.environment),
            cwd=ROOT,
            # uvloop fails where asyncio forgives that a program ends before it has read its input.
            stdin=asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await asyncio.wait_for(process.communicate(given), timeout_seconds)
        except TimeoutError:
            raise ServerUnavailable(
                f"{' '.join(command)} took longer than {timeout_seconds:g} s. Try again."
            ) from None
        finally:
            await _end(process)
        text = output.decode(errors="replace")
        if process.returncode != 0:
            raise ServerUnavailable(f"{' '.join(command)} failed:\n{_tail(text)}")
        return text


async def _end(process: asyncio.subprocess.Process) -> None:
    head = None if process.returncode is not None else process_tree.find(process.pid)
    if head is not None:
        process_tree.end(head)
    await process.wait()


class ServerProcess:
    """A running server in a session of its own, so that Ctrl-C reaches only the worker.

    It is not bound to an event loop: another loop than the one that started it may stop it.
    """

    def __init__(self, child: subprocess.Popen[bytes], log: Path, *, log_offset: int) -> None:
        self._child = child
        self._log = log
        self._log_offset = log_offset
        self._head = process_tree.find(child.pid) or process_tree.Process(child.pid, 0)

    @classmethod
    def start(
        cls,
        runner: Runner,
        command: Sequence[str],
        *,
        log: Path,
        ends_by: signal.Signals,
        inherits: tuple[int, ...] = (),
    ) -> Self:
        """Starts a program that writes to the log and ends when this process ends.

        The calling thread must live as long as the server: the kernel ends the server with it.
        """
        with log.open("ab") as output:
            log_offset = output.tell()
            child = subprocess.Popen(  # noqa: S603 -- a list of arguments, no shell
                runner.guarded(command, ends_by),
                env=dict(runner.environment),
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                pass_fds=inherits,
            )
        return cls(child, log, log_offset=log_offset)

    @property
    def pid(self) -> int:
        """Its process id, which every exec keeps."""
        return self._child.pid

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._child.poll() is None

    async def wait_for(
        self, answers: Callable[[], Awaitable[bool]], *, name: str, deadline_seconds: float
    ) -> None:
        """Waits until the server answers. Raises `ServerUnavailable` with the end of its log."""
        try:
            async with asyncio.timeout(deadline_seconds):
                while not await answers():
                    if not self.is_running:
                        raise self._failure(f"{name} ended during its start")
                    await asyncio.sleep(POLL_SECONDS)
        except TimeoutError:
            raise self._failure(f"{name} did not answer in {deadline_seconds:g} s") from None

    def require_running(self, name: str) -> None:
        """Raises `ServerUnavailable` with the end of its log if it has ended."""
        if not self.is_running:
            raise self._failure(f"{name} has ended")

    async def stop(self, number: signal.Signals, *, deadline_seconds: float) -> None:
        """Signals it to stop; after the deadline, or if cancelled, kills what still runs."""
        members = process_tree.family(self._head)
        self._head.send(number)
        try:
            await holds(
                lambda: not any(member.is_alive for member in members),
                within_seconds=deadline_seconds,
            )
        finally:
            process_tree.end(self._head, members)
            self._child.wait()

    def kill(self) -> None:
        """Kills it and all of its descendants."""
        process_tree.end(self._head)
        self._child.wait()

    def _failure(self, what: str) -> ServerUnavailable:
        output = self._log.read_bytes()[self._log_offset :].decode(errors="replace")
        is_taken = any(phrase in output.lower() for phrase in PORT_TAKEN)
        kind = PortTaken if is_taken else ServerUnavailable
        return kind(f"{what}. The end of {self._log}:\n{_tail(output)}")


def _tail(text: str) -> str:
    # Indented: no line of a server looks like one of ours.
    return "\n".join(f"    {line}" for line in text.splitlines()[-TAIL_LINES:])
