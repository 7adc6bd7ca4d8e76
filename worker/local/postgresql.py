"""A private PostgreSQL: one folder, one free port on loopback, fully durable."""

import asyncio
import re
import shutil
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from types import MappingProxyType
from typing import Final, Self

import asyncpg

from worker.local.account import account_for
from worker.local.folder import ServerFolder
from worker.local.installations import postgresql_folder, search_path
from worker.local.ports import LOOPBACK, on_free_ports
from worker.local.process import Runner, ServerProcess

__all__ = ["NO_SETTINGS", "PrivatePostgreSQL"]

ROLE: Final = "activation"
MAXIMUM_CONNECTIONS: Final = 200
INITIALISE_TIMEOUT_SECONDS: Final = 120
START_DEADLINE_SECONDS: Final = 60
STOP_DEADLINE_SECONDS: Final = 20
CONNECT_TIMEOUT_SECONDS: Final = 10
STATEMENT_TIMEOUT_SECONDS: Final = 60
DROP_DEADLINE_SECONDS: Final = 30
DROP_AGAIN_SECONDS: Final = 0.1
NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")
FIRST_STATEMENTS: Final = f"""\
CREATE ROLE {ROLE} LOGIN CREATEDB
CREATE DATABASE {ROLE} OWNER {ROLE}
"""
HBA: Final = f"host all {ROLE} {LOOPBACK}/32 trust\n"
"""Admits any user of this machine without a password, but never as superuser: a superuser could
run programs as the user of the server."""
NO_SETTINGS: Final[Mapping[str, str]] = MappingProxyType({})
STATUS_LINE: Final = 7
"""The line of `postmaster.pid` that says "ready"."""


class PrivatePostgreSQL:
    """A PostgreSQL for this machine only: every local user may connect.

    `fsync` and `synchronous_commit` are on, because the tests prove the worker's guarantees on it.
    """

    def __init__(self, folder: Path, settings: Mapping[str, str] = NO_SETTINGS) -> None:
        self._programs = postgresql_folder()
        self._settings = settings
        account = account_for("postgres")
        self._folder = ServerFolder(folder, account)
        environment = {"PATH": search_path(), "LANG": "C.UTF-8"}
        self._runner = Runner(account, environment)
        self._ports: tuple[int, ...] = ()
        self._process: ServerProcess | None = None

    @classmethod
    @asynccontextmanager
    async def started(
        cls, folder: Path, settings: Mapping[str, str] = NO_SETTINGS
    ) -> AsyncIterator[Self]:
        """Starts a server on the data in the folder, created if needed; stops it at the end.

        `settings` are settings of PostgreSQL, in addition to those of every private server.
        """
        server = cls(folder, settings)
        try:
            await server.start()
            yield server
        finally:
            await server.close()

    @property
    def port(self) -> int:
        """Its port, chosen at the first start; a restart keeps it."""
        return self._ports[0]

    @property
    def url(self) -> str:
        """The URL of the database `activation`, which every server has."""
        return self._url_of(ROLE)

    async def start(self) -> None:
        """Starts it and returns when it accepts connections; does nothing if it runs."""
        if self._process is not None and self._process.is_running:
            return
        await self._folder.claim()
        await self._initialise()
        if self._ports:
            await self._launch(self._ports)
        else:
            self._ports = await on_free_ports(1, self._launch)

    def require_running(self) -> None:
        """Raises `ServerUnavailable` if it has ended by itself."""
        if self._process is not None:
            self._process.require_running("PostgreSQL")

    async def stop(self) -> None:
        """Stops it in order and disconnects its clients; does nothing if it does not run."""
        process, self._process = self._process, None
        if process is not None:
            await process.stop(signal.SIGINT, deadline_seconds=STOP_DEADLINE_SECONDS)

    async def restart(self) -> None:
        """Stops it and starts it again with the same port and data."""
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """Kills all of its processes: only uncommitted transactions are lost."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()

    async def close(self) -> None:
        """Stops it and releases the folder."""
        try:
            await self.stop()
        finally:
            self._folder.release()

    async def create_database(self, name: str, template: str | None = None) -> str:
        """Creates a database, as a copy of `template` if given; returns its URL."""
        source = "" if template is None else f" TEMPLATE {_quoted(template)}"
        await self._administer(f"CREATE DATABASE {_quoted(name)}{source}")
        return self._url_of(name)

    async def drop_database(self, name: str) -> None:
        """Drops a database and disconnects its clients; does nothing if there is none."""
        last = monotonic() + DROP_DEADLINE_SECONDS
        while True:
            try:
                await self._administer(f"DROP DATABASE IF EXISTS {_quoted(name)} WITH (FORCE)")
            except asyncpg.InsufficientPrivilegeError:
                # PostgreSQL 17 does not let us end an autovacuum; it ends by itself.
                if monotonic() > last:
                    raise
                await asyncio.sleep(DROP_AGAIN_SECONDS)
            else:
                return

    def _url_of(self, database: str) -> str:
        return f"postgresql+asyncpg://{ROLE}@{LOOPBACK}:{self.port}/{database}"

    async def _administer(self, statement: str) -> None:
        connection = await asyncpg.connect(
            host=LOOPBACK,
            port=self.port,
            user=ROLE,
            database="postgres",
            ssl=False,
            timeout=CONNECT_TIMEOUT_SECONDS,
        )
        try:
            await connection.execute(statement, timeout=STATEMENT_TIMEOUT_SECONDS)
        finally:
            await connection.close(timeout=CONNECT_TIMEOUT_SECONDS)

    async def _initialise(self) -> None:
        """Initialises the data elsewhere first: an interrupted start must leave no partial data."""
        data = self._folder.path / "data"
        if data.exists():
            self._folder.directory("data")
            return
        unfinished = self._folder.path / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._folder.directory(unfinished.name)
        await self._initialise_in(unfinished)
        unfinished.rename(data)

    async def _initialise_in(self, data: Path) -> None:
        await self._runner.run(
            *(str(self._programs / "initdb"), "-D", str(data), "--username", "postgres"),
            *("--encoding", "UTF8", "--locale", "C", "--auth", "reject", "--no-instructions"),
            timeout_seconds=INITIALISE_TIMEOUT_SECONDS,
        )
        (data / "pg_hba.conf").write_text(HBA, encoding="ascii")
        await self._runner.run(
            *(str(self._programs / "postgres"), "--single", "-D", str(data)),
            *("-c", "exit_on_error=on", "postgres"),
            timeout_seconds=INITIALISE_TIMEOUT_SECONDS,
            standard_input=FIRST_STATEMENTS,
        )

    async def _launch(self, ports: tuple[int, ...]) -> None:
        (port,) = ports
        process = self._process = ServerProcess.start(
            self._runner,
            self._command(port),
            log=self._folder.path / "postgresql.log",
            # The fast shutdown: the postmaster ends its children and checkpoints.
            ends_by=signal.SIGINT,
            inherits=self._folder.inherited,
        )

        async def is_ready() -> bool:
            return self._is_ready(process.pid)

        try:
            await process.wait_for(
                is_ready, name="PostgreSQL", deadline_seconds=START_DEADLINE_SECONDS
            )
        except BaseException:
            # In order: a kill would leave its shared memory behind.
            await self.stop()
            raise

    def _command(self, port: int) -> list[str]:
        settings = {
            "listen_addresses": LOOPBACK,
            "port": port,
            # No socket: its path is limited to 107 bytes, the folder's is not.
            "unix_socket_directories": "",
            "max_connections": MAXIMUM_CONNECTIONS,
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            # Allocated as needed. The default of 128MB does not hold a million numbers.
            "shared_buffers": "512MB",
            # In the folder instead of /dev/shm, where a kill would leave it behind.
            "dynamic_shared_memory_type": "mmap",
            "log_checkpoints": "off",
            **self._settings,
        }
        options = (part for pair in settings.items() for part in ("-c", "{}={}".format(*pair)))
        return [str(self._programs / "postgres"), "-D", str(self._folder.path / "data"), *options]

    def _is_ready(self, pid: int) -> bool:
        # Connecting would be a test too, but would write errors to the log.
        try:
            lines = (self._folder.path / "data" / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return (
            len(lines) > STATUS_LINE
            and lines[0].strip() == str(pid)
            and lines[STATUS_LINE].strip() == "ready"
        )


def _quoted(name: str) -> str:
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a database name here: use a-z, 0-9 and _.")
    return f'"{name}"'
