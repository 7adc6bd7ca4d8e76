"""TLS of RabbitMQ itself, which demands a certificate of its client."""

import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.peers import LOOPBACK
from tests.support.servers.certificates import Certificates
from worker.broker.connecting.connection import BrokerRefused, connect
from worker.local import PrivateServers


@pytest.fixture
async def demanding_url(
    servers: PrivateServers, amqp_url: str, certificates: Certificates
) -> AsyncIterator[str]:
    """The URL of a port that RabbitMQ opens for TLS with certificates on both sides.

    It stays open until the broker stops.
    """
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        port = listener.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="activation-tls-") as name:
        folder = readable(Path(name), certificates)
        options = (
            f'[{{cacertfile, "{folder}/authority.pem"}}, {{certfile, "{folder}/server.pem"}},'
            f' {{keyfile, "{folder}/server.key"}},'
            " {verify, verify_peer}, {fail_if_no_peer_cert, true}]"
        )
        start = f'rabbit_networking:start_ssl_listener({{"{LOOPBACK}", {port}}}, {options}, 1).'
        await servers.rabbitmq.control("eval", start)
        account = amqp_url.partition("://")[2].rpartition("@")[0]
        virtual_host = amqp_url.rpartition("/")[2]
        trusting = f"cafile={certificates.authority}"
        yield f"amqps://{account}@localhost:{port}/{virtual_host}?{trusting}"


def readable(folder: Path, certificates: Certificates) -> Path:
    """The folder with the files of the server, which the account of the broker may read."""
    folder.chmod(0o711)
    for file in (certificates.authority, certificates.server, certificates.server_key):
        Path(shutil.copy(file, folder)).chmod(0o644)
    return folder


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
