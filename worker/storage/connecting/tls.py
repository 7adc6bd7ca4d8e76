"""TLS to PostgreSQL: the contexts that a URL's `sslmode` allows, with the files that it names."""

import ssl
from pathlib import Path
from typing import Any, Final, NoReturn

from typing_extensions import override

from worker.runtime.database_url import DatabaseTarget, SslMode
from worker.runtime.mistakes import Mistake

__all__ = ["tls_attempts"]

FOLDER: Final = ".postgresql"
"""The folder in a home directory in which libpq looks for certificates."""
SYSTEM: Final = "system"
ALPN: Final = ("postgresql",)


class _NamedContext(ssl.SSLContext):
    """Verifies the server by the name in the URL: the driver connects to one of its addresses."""

    server_name: str

    @override
    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: Any = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        return super().wrap_bio(incoming, outgoing, server_side, self.server_name, session)


def tls_attempts(target: DatabaseTarget, server_name: str) -> tuple[ssl.SSLContext | None, ...]:
    """The contexts to connect with, in turn; None is a connection without TLS.

    Raises `Mistake` if a file that the URL names cannot be used. Files are read each time, because
    certificates are renewed.
    """
    if target.sslmode is SslMode.DISABLE:
        return (None,)
    context = _context(target, server_name)
    if target.sslmode is SslMode.ALLOW:
        return None, context
    if target.sslmode is SslMode.PREFER:
        return context, None
    return (context,)


def _context(target: DatabaseTarget, server_name: str) -> ssl.SSLContext:
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = server_name
    context.check_hostname = target.sslmode is SslMode.VERIFY_FULL
    version = target.parameters.get("ssl_min_protocol_version", "TLSv1.2")
    context.minimum_version = ssl.TLSVersion[version.replace(".", "_")]
    context.set_alpn_protocols(list(ALPN))
    if target.sslmode in {SslMode.ALLOW, SslMode.PREFER}:
        context.verify_mode = ssl.CERT_NONE
    else:
        _trust(context, target)
    _identify(context, target)
    return context


def _trust(context: ssl.SSLContext, target: DatabaseTarget) -> None:
    """Loads the authorities. Without any, `require` encrypts and does not verify, as in libpq."""
    named = target.parameters.get("sslrootcert")
    path = named or _in_home("root.crt")
    if named == SYSTEM:
        context.load_default_certs()
    elif path is not None:
        _load_authorities(context, "sslrootcert", path)
    elif target.sslmode is SslMode.REQUIRE:
        context.verify_mode = ssl.CERT_NONE
    else:
        raise Mistake(
            f"DATABASE_URL: sslmode={target.sslmode} needs the authority that signed the server's"
            " certificate: write sslrootcert=/path/ca.pem with it."
        )
    revoked = target.parameters.get("sslcrl")
    if revoked is not None:
        _load_authorities(context, "sslcrl", revoked)
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN


def _load_authorities(context: ssl.SSLContext, parameter: str, path: str) -> None:
    _require_readable(parameter, path)
    try:
        context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        _refuse(parameter, path, f"holds nothing usable in PEM form ({error.reason})")


def _identify(context: ssl.SSLContext, target: DatabaseTarget) -> None:
    """Loads the certificate and key that identify this client, if there are any."""
    named = target.parameters.get("sslcert")
    certificate = named or _in_home("postgresql.crt")
    if certificate is None:
        return
    key = target.parameters.get("sslkey") or (None if named else _in_home("postgresql.key"))
    _require_readable("sslcert", certificate)
    if key is not None:
        _require_readable("sslkey", key)
    password = target.parameters.get("sslpassword", "")
    try:
        # Without a function the library would ask for the password on the terminal.
        context.load_cert_chain(certificate, key, password=lambda: password)
    except ssl.SSLError as error:
        _refuse(
            "sslcert",
            certificate,
            f"cannot be used with its key ({error.reason}); check sslkey and sslpassword",
        )


def _in_home(name: str) -> str | None:
    """The file in the user's folder; None if there is none, or if it may not be read."""
    try:
        path = Path.home() / FOLDER / name
        with path.open("rb"):
            return str(path)
    except (OSError, RuntimeError):
        # A container may run as a uid without a home, or with the home of another one.
        return None


def _require_readable(parameter: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "no path"
        _refuse(parameter, path, f"cannot be read: {reason}")


def _refuse(parameter: str, path: str, problem: str) -> NoReturn:
    raise Mistake(
        f"DATABASE_URL: {parameter} names the file {path}, which {problem}. Correct the path, the"
        " file or its permissions."
    ) from None
