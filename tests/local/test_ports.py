import socket
from contextlib import closing
from pathlib import Path

import pytest

from worker.local.ports import free_ports, on_free_ports
from worker.local.unavailable import PortTaken


def test_free_ports_are_distinct_and_outside_the_outgoing_range() -> None:
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert not [port for port in ports if int(outgoing[0]) <= port <= int(outgoing[1])]
    for port in ports:
        with closing(socket.create_server(("127.0.0.1", port))):
            pass


async def test_on_free_ports_retries_with_other_ports() -> None:
    tried: list[tuple[int, ...]] = []

    async def start(ports: tuple[int, ...]) -> None:
        tried.append(ports)
        if len(tried) == 1:
            raise PortTaken("another program was faster")

    assert await on_free_ports(2, start) == tried[1]
    assert tried[0] != tried[1]


async def test_on_free_ports_gives_up_if_every_port_is_taken() -> None:
    async def start(ports: tuple[int, ...]) -> None:
        raise PortTaken(f"another program has {ports}")

    with pytest.raises(PortTaken):
        await on_free_ports(1, start)
