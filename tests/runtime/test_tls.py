"""TLS parameters: each file that cannot be used is named."""

from base64 import b64encode
from pathlib import Path
from typing import Any, cast

import pytest

from tests.support.servers.certificates import Certificates
from worker.runtime.tls import TlsParameters


def test_context_trusts_the_named_authority_and_presents_the_certificate(
    certificates: Certificates,
) -> None:
    context = TlsParameters(
        cafile=str(certificates.authority),
        certfile=str(certificates.client),
        keyfile=str(certificates.client_key),
    ).context()

    assert context.cert_store_stats()["x509_ca"] == 1


def test_context_trusts_an_authority_in_the_url(certificates: Certificates) -> None:
    pem = b64encode(certificates.authority.read_bytes()).decode()

    assert TlsParameters(cadata=pem).context().cert_store_stats()["x509_ca"] == 1


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"cafile": "missing.pem"}, "cafile names .*missing.pem.*No such file"),
        ({"cafile": "empty"}, "cafile contains no certificate"),
        ({"cafile": "a\0b"}, "cafile names .* cannot be read"),
        ({"capath": "missing"}, "capath names .*missing.* is not a folder"),
        ({"cadata": "!"}, "cadata contains no certificate .*not Base64"),
        ({"cadata": "bm9uc2Vuc2U="}, "cadata contains no certificate"),
        ({"certfile": "missing.pem"}, "certfile names .*missing.pem"),
        ({"certfile": "client.pem", "keyfile": "missing.key"}, "keyfile names .*missing.key"),
        ({"certfile": "client.pem"}, "certfile cannot be used"),
        ({"certfile": "client.pem", "keyfile": "server.key"}, "keyfile cannot be used .*mismatch"),
        ({"certfile": "client.pem", "keyfile": "encrypted.key"}, "the key is encrypted"),
        ({"keyfile": "client.key"}, "keyfile has no certfile"),
    ],
)
def test_context_names_the_parameter_and_the_file_that_cannot_be_used(
    certificates: Certificates, parameters: dict[str, str], problem: str
) -> None:
    folder = certificates.authority.parent
    (folder / "empty").touch()
    placed = {
        name: value if name == "cadata" else str(folder / value)
        for name, value in parameters.items()
    }
    with pytest.raises(ValueError, match=problem):
        cast("Any", TlsParameters)(**placed).context()


def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cafile names .*Is a directory"):
        TlsParameters(cafile=str(tmp_path)).context()
