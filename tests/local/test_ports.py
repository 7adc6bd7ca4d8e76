import socket
from contextlib import closing
from pathlib import Path

import pytest

from worker.local.ports import free_ports, on_free_ports
from worker.local.unavailable import PortTaken


def test_free_ports_differ_and_are_never_given_to_outgoing_connections() -> None:
    outgoing = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()
    ports = free_ports(50)
    assert len(set(ports)) == 50
    assert not [port for port in ports if int(outgoing[0]) <= port <= int(outgoing[1])]
    for port in ports:
        with closing(socket.create_server(("127.0.0.1", port))):
            pass


async def test_a_lost_race_for_a_port_is_run_again_on_others() -> None:
    tried: list[tuple[int, ...]] = []

    async def start(ports: tuple[int, ...]) -> None:
        tried.append(ports)
        if len(tried) == 1:
            raise PortTaken("somebody was faster")

    assert await on_free_ports(2, start) == tried[1]
    assert tried[0] != tried[1]


async def test_a_race_that_is_always_lost_is_reported() -> None:
    async def start(ports: tuple[int, ...]) -> None:
        raise PortTaken(f"somebody has {ports}")

    with pytest.raises(PortTaken):
        await on_free_ports(1, start)
