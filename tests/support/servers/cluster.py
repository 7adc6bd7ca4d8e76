"""A private RabbitMQ cluster of three nodes."""

import asyncio
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from worker.local.installations import program, search_path
from worker.local.ports import on_free_ports
from worker.local.process import Runner, ServerProcess
from worker.local.rabbitmq import Membership, PrivateRabbitMQ

NODES = 3


class Cluster:
    """The nodes, in the order in which they were started."""

    def __init__(self, nodes: list[PrivateRabbitMQ], names: tuple[str, ...]) -> None:
        self.nodes = nodes
        self.names = names

    @property
    def urls(self) -> list[str]:
        return [node.url for node in self.nodes]

    async def leader_of(self, queue: str) -> int:
        """The place of the node that leads the queue."""
        listed = await self.nodes[0].control(
            "-q", "list_queues", "name", "leader", "--no-table-headers"
        )
        leaders = dict(line.split() for line in listed.splitlines() if len(line.split()) == 2)
        return self.names.index(leaders[queue])

    async def isolate(self, place: int) -> None:
        """Disconnects one node from the others; its clients still reach it."""
        others = ", ".join(f"'{name}'" for name in self.names if name != self.names[place])
        # A cookie that does not match keeps the nodes from connecting again.
        await self.nodes[place].control(
            "eval",
            f"[begin erlang:set_cookie(Node, isolated), erlang:disconnect_node(Node) end"
            f" || Node <- [{others}]].",
        )


@asynccontextmanager
async def cluster_in(folder: Path) -> AsyncIterator[Cluster]:
    """A running cluster; killed at the end."""
    names = tuple(f"activation-{place}-{secrets.token_hex(3)}@localhost" for place in range(NODES))
    cookie = secrets.token_hex(20)
    epmd: list[ServerProcess] = []
    runner = Runner(None, {"PATH": search_path(), "ERL_EPMD_ADDRESS": "127.0.0.1"})

    async def start_epmd(ports: tuple[int, ...]) -> None:
        command = (program("epmd", package="erlang-base"), "-port", str(ports[0]))
        epmd.append(
            ServerProcess.start(runner, command, log=folder / "epmd.log", ends_by=signal.SIGKILL)
        )
        await asyncio.sleep(0.2)
        assert epmd[-1].is_running

    (epmd_port,) = await on_free_ports(1, start_epmd)
    nodes = [
        PrivateRabbitMQ(folder / str(place), Membership(cookie, name, names, epmd_port))
        for place, name in enumerate(names)
    ]
    async with AsyncExitStack() as stack:
        stack.callback(epmd[-1].kill)
        for node in nodes:
            stack.push_async_callback(node.close)
            stack.push_async_callback(node.kill)
        await nodes[0].start()
        await asyncio.gather(*(node.start() for node in nodes[1:]))
        yield Cluster(nodes, names)
