"""TLS parameters of a connection, and the context that they make."""

import binascii
import ssl
from base64 import b64decode
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["TlsParameters", "is_out_of_date"]

OUT_OF_DATE: Final = frozenset({9, 10})
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


def is_out_of_date(error: ssl.SSLError) -> bool:
    """Whether the peer's certificate is no longer, or not yet valid by the clock of this host."""
    return isinstance(error, ssl.SSLCertVerificationError) and error.verify_code in OUT_OF_DATE


@dataclass(frozen=True, slots=True)
class TlsParameters:
    """The files and rules by which both sides prove who they are."""

    cafile: str | None = None
    """Certificates (PEM) that are trusted; without any, those of the operating system."""
    capath: str | None = None
    """A folder of trusted certificates, named by their hashes (`openssl rehash`)."""
    cadata: str | None = None
    """A trusted certificate, in Base64: DER, or a PEM file as it is."""
    certfile: str | None = None
    """The client's own certificate (PEM)."""
    keyfile: str | None = None
    """Its private key (PEM, not encrypted), if `certfile` does not contain it."""
    verify: bool = True
    """Whether the server's certificate is verified."""

    def context(self) -> ssl.SSLContext:
        """Reads the files. Raises `ValueError` with a sentence that names the wrong parameter."""
        self._require_readable()
        context = self._trusting()
        if self.certfile:
            self._present(self.certfile, context)
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _require_readable(self) -> None:
        if self.keyfile and not self.certfile:
            raise ValueError("keyfile has no certfile: name the certificate of this key, too")
        for name in ("cafile", "certfile", "keyfile"):
            path = getattr(self, name)
            try:
                if path:
                    with Path(path).open("rb") as file:
                        file.read(1)
            except (OSError, ValueError) as error:
                raise ValueError(
                    f"{name} names {path!r}, which cannot be read ({_reason(error)}): correct the"
                    " path or the file's permissions"
                ) from None
        if self.capath and not Path(self.capath).is_dir():
            raise ValueError(f"capath names {self.capath!r}, which is not a folder")

    def _trusting(self) -> ssl.SSLContext:
        try:
            return ssl.create_default_context(
                cafile=self.cafile, capath=self.capath, cadata=self._decoded_cadata()
            )
        except (ssl.SSLError, ValueError) as error:
            name = "cafile" if self.cafile else "cadata"
            raise ValueError(
                f"{name} contains no certificate that can be read ({_reason(error)})"
            ) from None

    def _decoded_cadata(self) -> str | bytes | None:
        if self.cadata is None:
            return None
        try:
            decoded = b64decode(self.cadata, validate=True)
        except binascii.Error:
            raise ValueError("it is not Base64") from None
        return decoded.decode() if decoded.startswith(b"-----BEGIN") else decoded

    def _present(self, certfile: str, context: ssl.SSLContext) -> None:
        def refuse_to_ask() -> str:
            # OpenSSL would ask on the terminal, and wait for an answer.
            raise ValueError("the key is encrypted: write it without a passphrase")

        try:
            context.load_cert_chain(certfile, self.keyfile, password=refuse_to_ask)
        except (ssl.SSLError, ValueError) as error:
            files = "certfile and keyfile" if self.keyfile else "certfile"
            raise ValueError(
                f"{files} cannot be used ({_reason(error)}): they must be a certificate and its"
                " private key in PEM"
            ) from None


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return (error.reason or "unreadable").replace("_", " ").lower()
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
