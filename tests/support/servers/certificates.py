"""Certificates for tests, made with the `openssl` command."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["Certificates", "certificates"]

CURVE = ("-pkeyopt", "ec_paramgen_curve:prime256v1")
KEY = ("-newkey", "ec", *CURVE)


@dataclass(frozen=True)
class Certificates:
    """PEM files of an authority, of the server `localhost`, and of a client; and a foreign one."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path
    encrypted_key: Path
    """The client's key, with a passphrase."""
    foreign_authority: Path
    """Another authority, which has signed the foreign client alone."""
    foreign_client: Path
    """The client's certificate, as another authority has signed it."""
    expired_server: Path
    """The server's certificate, until yesterday."""
    expired_client: Path


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """All of them. Skips the test without `openssl`, except under CI, where it fails."""
    if not shutil.which("openssl") and not os.environ.get("CI"):
        pytest.skip("openssl is not installed: apt-get install openssl")
    folder = tmp_path_factory.mktemp("certificates")
    for name in ("authority", "foreign"):
        _openssl(folder, "req", "-x509", *KEY, "-nodes", "-subj", f"/CN={name}", *_named(name))
    signed = ("-CA", "authority.pem", "-CAkey", "authority.key")
    named = ("-subj", "/CN=it", "-addext", "subjectAltName=DNS:localhost", *_named("server"))
    _openssl(folder, "req", "-x509", *KEY, "-nodes", *signed, *named)
    # A client with the certificate of an authority, as `req -x509` makes them, is none for Erlang.
    _openssl(folder, "genpkey", "-algorithm", "EC", *CURVE, "-out", "client.key")
    for name, extension, signer, days in (
        ("client", "extendedKeyUsage=clientAuth", "authority", "1"),
        ("foreign_client", "extendedKeyUsage=clientAuth", "foreign", "1"),
        ("expired_server", "subjectAltName=DNS:localhost", "authority", "-1"),
        ("expired_client", "extendedKeyUsage=clientAuth", "authority", "-1"),
    ):
        subject = ("-subj", "/CN=it", "-addext", extension)
        key = f"{name.rpartition('_')[2]}.key"
        _openssl(folder, "req", "-new", "-key", key, *subject, "-out", f"{name}.csr")
        signing = ("-CA", f"{signer}.pem", "-CAkey", f"{signer}.key", "-days", days)
        request = ("-in", f"{name}.csr", "-copy_extensions", "copy", "-out", f"{name}.pem")
        _openssl(folder, "x509", "-req", *signing, *request)
    passphrase = ("-aes256", "-passout", "pass:secret")
    _openssl(folder, "pkey", "-in", "client.key", *passphrase, "-out", "encrypted.key")
    return Certificates(
        folder / "authority.pem",
        folder / "server.pem",
        folder / "server.key",
        folder / "client.pem",
        folder / "client.key",
        folder / "encrypted.key",
        folder / "foreign.pem",
        folder / "foreign_client.pem",
        folder / "expired_server.pem",
        folder / "expired_client.pem",
    )


def _named(name: str) -> tuple[str, ...]:
    return "-keyout", f"{name}.key", "-out", f"{name}.pem"


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)  # noqa: S607 -- found by PATH, as a user finds it
