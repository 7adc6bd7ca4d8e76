"""A private RabbitMQ: one folder, free ports on loopback, an epmd of its own."""

import asyncio
import hashlib
import secrets
import shlex
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from worker.local.account import account_for
from worker.local.folder import ServerFolder
from worker.local.installations import program, rabbitmq_folder, search_path
from worker.local.management import GUEST, Management
from worker.local.ports import LOOPBACK, on_free_ports
from worker.local.process import Runner, ServerProcess

__all__ = ["Membership", "PrivateRabbitMQ"]

START_DEADLINE_SECONDS: Final = 120
EPMD_DEADLINE_SECONDS: Final = 10
STOP_DEADLINE_SECONDS: Final = 30
"""With the management plugin a stop takes six seconds: it waits five for its own processes."""
CONTROL_TIMEOUT_SECONDS: Final = 60


class Ports(NamedTuple):
    """The ports of the server, all on loopback."""

    amqp: int
    management: int
    distribution: int
    epmd: int


@dataclass(frozen=True, slots=True)
class Membership:
    """What makes a node part of a cluster."""

    cookie: str
    node: str
    """The name of this node."""
    nodes: tuple[str, ...]
    """The names of all nodes, including this one; start the first one first."""
    epmd_port: int
    """The port of the epmd that all nodes share, which the caller runs."""


class PrivateRabbitMQ:
    """A RabbitMQ for this machine only: every local user may connect as guest.

    Its cookie, log and data are in its folder and nowhere else.
    """

    def __init__(
        self, folder: Path, membership: Membership | None = None, *, schedulers: int | None = None
    ) -> None:
        self._membership = membership
        self._schedulers = schedulers
        self._programs = rabbitmq_folder()
        self._epmd_program = program("epmd", package="erlang-base")
        self._account = account_for("rabbitmq")
        self._folder = ServerFolder(folder, self._account)
        self._ports: Ports | None = None
        self._processes: list[ServerProcess] = []

    @classmethod
    @asynccontextmanager
    async def started(
        cls, folder: Path, *, keep: bool = True, schedulers: int | None = None
    ) -> AsyncIterator[Self]:
        """Starts a server on the data in the folder, created if needed; stops it at the end.

        Without `keep` it kills the server at the end, which is quicker but may lose data.
        `schedulers` are the threads that run Erlang; by default one for each processor.
        """
        server = cls(folder, schedulers=schedulers)
        try:
            await server.start()
            yield server
        finally:
            if not keep:
                await server.kill()
            await server.close()

    @property
    def ports(self) -> Ports:
        """Its ports, chosen at the first start; a restart keeps them."""
        if self._ports is None:
            raise RuntimeError("the server has no ports before it was started: call start first")
        return self._ports

    @property
    def url(self) -> str:
        """The URL of the virtual host `/`, which every server has."""
        return f"amqp://{GUEST}:{GUEST}@{LOOPBACK}:{self.ports.amqp}/"

    async def start(self) -> None:
        """Starts it and returns when it accepts connections; does nothing if it runs."""
        if self._processes and all(process.is_running for process in self._processes):
            return
        await self.kill()
        await self._folder.claim()
        self._prepare()
        if self._ports is not None:
            await self._launch(self._ports)
        else:
            self._ports = Ports(*await on_free_ports(len(Ports._fields), self._launch))

    def require_running(self) -> None:
        """Raises `ServerUnavailable` if it has ended by itself."""
        for process in self._processes:
            process.require_running("RabbitMQ")

    async def stop(self) -> None:
        """Stops it in order; does nothing if it does not run."""
        try:
            for process in reversed(self._processes):
                await process.stop(signal.SIGTERM, deadline_seconds=STOP_DEADLINE_SECONDS)
        finally:
            await self.kill()

    async def restart(self) -> None:
        """Stops it and starts it again with the same ports and data."""
        await self.stop()
        await self.start()

    async def kill(self) -> None:
        """Kills all of its processes: only confirmed messages are kept.

        A quorum queue declared in the last second can lose its leader for good: see `settle`.
        """
        while self._processes:
            self._processes.pop().kill()

    async def close(self) -> None:
        """Stops it and releases the folder."""
        try:
            await self.stop()
        finally:
            self._folder.release()

    async def settle(self) -> None:
        """Flushes the registry of quorum queues, which RabbitMQ itself does a second later.

        A queue that is missing there when the server is killed never gets a leader again, and its
        messages are unreachable. Call this between a declaration and a kill.
        """
        await self.control("eval", "[ok = dets:sync(Table) || Table <- dets:all()].")

    @property
    def control_program(self) -> Path:
        """A program in the folder: `rabbitmqctl` for this server, as the same user or as root."""
        return self._folder.path / "rabbitmqctl"

    async def control(self, *arguments: str) -> str:
        """Runs `rabbitmqctl` and returns its output; takes about a second, for it starts Erlang."""
        return await self._runner(self.ports).run(
            *(str(self._programs / "rabbitmqctl"), *arguments),
            timeout_seconds=CONTROL_TIMEOUT_SECONDS,
        )

    async def create_virtual_host(self, name: str) -> str:
        """Creates a virtual host; returns its URL."""
        await Management(self.ports.management).create_virtual_host(name)
        return self.url + quote(name, safe="")

    async def delete_virtual_host(self, name: str) -> None:
        """Deletes a virtual host with everything in it; does nothing if there is none."""
        await Management(self.ports.management).delete_virtual_host(name)

    def _prepare(self) -> None:
        for name in ("home", "data", "log"):
            self._folder.directory(name)
        self._folder.write("enabled_plugins", "[rabbitmq_management].\n")
        if not self._cookie.exists():
            cookie = self._membership.cookie if self._membership else secrets.token_hex(20)
            self._folder.write("home/.erlang.cookie", cookie, mode=0o400)

    @property
    def _cookie(self) -> Path:
        return self._folder.path / "home" / ".erlang.cookie"

    async def _launch(self, chosen: tuple[int, ...]) -> None:
        ports = Ports(*chosen)
        if self._membership:
            ports = ports._replace(epmd=self._membership.epmd_port)
        runner = self._runner(ports)
        self._folder.write("rabbitmq.conf", _configuration(ports, self._membership))
        program = runner.guarded([str(self._programs / "rabbitmqctl")], signal.SIGKILL)
        script = _script(program, runner.environment)
        self._folder.write(self.control_program.name, script, mode=0o755)
        try:
            if not self._membership:
                await self._start_epmd(runner, ports)
            await self._start_broker(runner, ports)
        except BaseException:
            await self.kill()
            raise

    async def _start_epmd(self, runner: Runner, ports: Ports) -> None:
        # Erlang itself would start an epmd that outlives it, on the standard port.
        command = (self._epmd_program, "-address", LOOPBACK, "-port", str(ports.epmd))
        epmd = self._start_process(runner, command, log="epmd.log")

        async def answers() -> bool:
            return await _accepts_connections(ports.epmd)

        await epmd.wait_for(answers, name="epmd", deadline_seconds=EPMD_DEADLINE_SECONDS)

    async def _start_broker(self, runner: Runner, ports: Ports) -> None:
        command = (str(self._programs / "rabbitmq-server"),)
        broker = self._start_process(runner, command, log="rabbitmq.log")
        management = Management(ports.management)

        async def answers() -> bool:
            return await management.listens_on(ports.amqp)

        await broker.wait_for(answers, name="RabbitMQ", deadline_seconds=START_DEADLINE_SECONDS)

    def _start_process(
        self, runner: Runner, command: tuple[str, ...], *, log: str
    ) -> ServerProcess:
        process = ServerProcess.start(
            runner,
            command,
            log=self._folder.path / log,
            # A stop may wait forever; confirmed messages survive a kill too.
            ends_by=signal.SIGKILL,
            inherits=self._folder.inherited,
        )
        self._processes.append(process)
        return process

    def _runner(self, ports: Ports) -> Runner:
        if self._membership:
            ports, node = ports._replace(epmd=self._membership.epmd_port), self._membership.node
        else:
            digest = hashlib.sha256(self._cookie.read_bytes()).hexdigest()
            node = f"activation-{digest[:8]}@localhost"
        return Runner(self._account, _environment(self._folder.path, ports, node, self._schedulers))


async def _accepts_connections(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return False
    writer.close()
    return True


def _script(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """A shell script that runs the command, with further arguments, in this environment alone."""
    settings = [f"{name}={value}" for name, value in environment.items()]
    # From a folder that the server's user may list.
    return f'#!/bin/sh\ncd / && exec env -i {shlex.join([*settings, *command])} "$@"\n'


def _configuration(ports: Ports, membership: Membership | None) -> str:
    single = f"""\
listeners.tcp.1 = {LOOPBACK}:{ports.amqp}
management.tcp.ip = {LOOPBACK}
management.tcp.port = {ports.management}
disk_free_limit.absolute = 50MB
"""
    if membership is None:
        return single
    nodes = "".join(
        f"cluster_formation.classic_config.nodes.{index} = {node}\n"
        for index, node in enumerate(membership.nodes, start=1)
    )
    return f"{single}cluster_partition_handling = pause_minority\n{nodes}"


def _environment(folder: Path, ports: Ports, node: str, schedulers: int | None) -> dict[str, str]:
    on_loopback = "-kernel inet_dist_use_interface {127,0,0,1}"
    limit = "" if schedulers is None else f" +S {schedulers}:{schedulers}"
    return {
        "PATH": search_path(),
        "LANG": "C.UTF-8",
        # For the cookie and crash dumps, instead of the user's home.
        "HOME": str(folder / "home"),
        "ERL_CRASH_DUMP": str(folder / "log" / "erl_crash.dump"),
        "ERL_EPMD_ADDRESS": LOOPBACK,
        "ERL_EPMD_PORT": str(ports.epmd),
        # For every Erlang that RabbitMQ starts, including the one that ensures that epmd runs.
        "ERL_FLAGS": "-start_epmd false",
        # Makes the script exec the server, which then keeps the process id.
        "RUNNING_UNDER_SYSTEMD": "true",
        # localhost always resolves; the host name of a machine need not.
        "RABBITMQ_NODENAME": node,
        "RABBITMQ_DIST_PORT": str(ports.distribution),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": on_loopback,
        "RABBITMQ_CTL_ERL_ARGS": on_loopback,
        # The defaults make each file operation sleep: a start takes 6 s instead of 3.5.
        "RABBITMQ_SERVER_ERL_ARGS": f"+P 65536 +sbwt very_short{limit}",
        **_paths(folder),
    }


def _paths(folder: Path) -> dict[str, str]:
    """Every file that RabbitMQ would otherwise look for in /etc or /var."""
    return {
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "advanced.config"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_CONFIG_FILES": str(folder / "conf.d"),
        "RABBITMQ_CONF_ENV_FILE": str(folder / "rabbitmq-env.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "enabled_plugins"),
        "RABBITMQ_LOGS": "-",
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_MNESIA_BASE": str(folder / "data"),
        "RABBITMQ_PID_FILE": str(folder / "data" / "pid"),
    }
