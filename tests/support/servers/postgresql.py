"""A PostgreSQL of its own that tests administer: roles with passwords, TLS, and a superuser."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.support.servers.certificates import Certificates
from worker.local import PrivateServers
from worker.local.account import account_for
from worker.local.postgresql import PrivatePostgreSQL

__all__ = ["LOOPBACK", "Administered"]

LOOPBACK = "127.0.0.1"
HBA = f"""\
host all postgres,activation {LOOPBACK}/32 trust
hostssl all over_tls {LOOPBACK}/32 trust
hostnossl all over_tls {LOOPBACK}/32 reject
hostssl all it {LOOPBACK}/32 cert
host all all {LOOPBACK}/32 scram-sha-256
"""


@dataclass(frozen=True, slots=True)
class Administered:
    """The server, and the certificate that identifies it as `localhost`.

    It admits the role `it`, if there is one, by a certificate alone.
    """

    server: PrivatePostgreSQL
    certificate: Path

    def url(self, database: str, account: str = "postgres", host: str = LOOPBACK) -> str:
        """The URL of a database, by default for the superuser."""
        return f"postgresql://{account}@{host}:{self.server.port}/{database}"

    async def execute(self, *statements: str, database: str = "postgres") -> None:
        """Executes each statement as superuser."""
        connection = await asyncpg.connect(self.url(database))
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    @asynccontextmanager
    async def database(self, options: str = "") -> AsyncIterator[str]:
        """The name of an empty database, which is dropped at the end."""
        name = f"test_{uuid4().hex}"
        await self.execute(f"CREATE DATABASE {name} {options}")
        try:
            yield name
        finally:
            await self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    @asynccontextmanager
    async def role(self, options: str = "LOGIN PASSWORD 'first'") -> AsyncIterator[str]:
        """The name of a role; what it owns or may do must have been dropped by the end."""
        name = f"role_{uuid4().hex}"
        await self.execute(f"CREATE ROLE {name} {options}")
        try:
            yield name
        finally:
            await self.execute(f"DROP ROLE {name}")


@pytest.fixture(scope="session")
async def administered(
    servers: PrivateServers, certificates: Certificates
) -> AsyncIterator[Administered]:
    """The server of this test process, started when first used."""
    assert servers  # skips where no PostgreSQL is installed
    with tempfile.TemporaryDirectory(prefix="activation-worker-") as name:
        folder = _prepared(Path(name))
        certificate, key = await _certificate(folder)
        _give_to_server(key)
        shutil.copy(certificates.authority, folder / "clients.crt")
        _give_to_server(folder / "clients.crt")
        settings = {
            "ssl_ca_file": str(folder / "clients.crt"),
            "hba_file": str(folder / "hba"),
            "ssl": "on",
            "ssl_cert_file": str(certificate),
            "ssl_key_file": str(key),
        }
        async with PrivatePostgreSQL.started(folder / "data", settings) as server:
            yield Administered(server, certificate)


def _prepared(folder: Path) -> Path:
    folder.chmod(0o711)
    (folder / "hba").write_text(HBA)
    _give_to_server(folder / "hba")
    return folder


async def _certificate(folder: Path) -> tuple[Path, Path]:
    certificate, key = folder / "server.crt", folder / "server.key"
    making = await asyncio.create_subprocess_exec(
        *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
        *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
        *("-keyout", str(key), "-out", str(certificate)),
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert await making.wait() == 0
    return certificate, key


def _give_to_server(file: Path) -> None:
    file.chmod(0o600)
    account = account_for("postgres")
    if account is not None:
        os.chown(file, account.user_id, account.group_id)
