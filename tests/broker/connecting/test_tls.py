"""TLS of RabbitMQ itself, which demands a certificate of its client."""

import base64
import socket
from pathlib import Path

import pytest

from tests.support.peers import LOOPBACK
from tests.support.servers.certificates import Certificates
from worker.broker.connecting.connection import BrokerRefused, connect
from worker.local import PrivateServers


@pytest.fixture
async def demanding_url(servers: PrivateServers, amqp_url: str, certificates: Certificates) -> str:
    """The URL of a port that RabbitMQ opens for TLS with certificates on both sides.

    It stays open until the broker stops.
    """
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port = listener.getsockname()[1]
    options = (
        f"[{{cacerts, [{der(certificates.authority)}]}}, {{cert, {der(certificates.server)}}},"
        f" {{key, {{'PrivateKeyInfo', {der(certificates.server_key)}}}}},"
        " {verify, verify_peer}, {fail_if_no_peer_cert, true}]"
    )
    await servers.rabbitmq.control(
        "eval", f'rabbit_networking:start_ssl_listener({{"{LOOPBACK}", {port}}}, {options}, 1).'
    )
    account = amqp_url.partition("://")[2].rpartition("@")[0]
    virtual_host = amqp_url.rpartition("/")[2]
    trusting = f"cafile={certificates.authority}"
    return f"amqps://{account}@localhost:{port}/{virtual_host}?{trusting}"


def der(file: Path) -> str:
    """The contents of a PEM file as an Erlang term."""
    lines = [line for line in file.read_text().splitlines() if not line.startswith("-----")]
    encoded = base64.b64encode(base64.b64decode("".join(lines))).decode()
    return f'base64:decode(<<"{encoded}">>)'


async def test_rabbitmq_takes_the_right_certificate_and_no_other(
    demanding_url: str, certificates: Certificates
) -> None:
    def presenting(certificate: Path) -> str:
        return f"{demanding_url}&certfile={certificate}&keyfile={certificates.client_key}"

    async with await connect([presenting(certificates.client)]) as connection:
        assert not connection.is_closed
    for wrong, problem in (
        (demanding_url, "certificate required"),
        (presenting(certificates.expired_client), "certificate expired"),
        (presenting(certificates.foreign_client), "unknown ca"),
    ):
        with pytest.raises(BrokerRefused, match=problem):
            await connect([wrong])
