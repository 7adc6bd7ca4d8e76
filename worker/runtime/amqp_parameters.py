"""The parameters behind the `?` of an AMQP URL: an unknown or unreadable one is refused by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final
from urllib.parse import unquote

from worker.runtime.tls import TlsParameters

__all__ = ["PARAMETERS", "AmqpParameters", "Mechanism", "decoded", "parse_parameters"]

HEARTBEAT_SECONDS: Final = 10
"""A dead peer is detected after about three heartbeats."""
HEARTBEAT_MAXIMUM_SECONDS: Final = 300
TIMEOUT_SECONDS: Final = 10
"""Limits the wait for a broker that accepts TCP but does not answer (booting, frozen)."""
TIMEOUT_MAXIMUM_SECONDS: Final = 300
TLS_PARAMETERS: Final = {
    "cafile": "File of trusted certificates (PEM). Default: those of the operating system.",
    "capath": "Folder of trusted certificates, named by their hashes (`openssl rehash`).",
    "cadata": "A trusted certificate in Base64: DER, or a PEM file as it is.",
    "certfile": "File of the worker's own certificate (PEM).",
    "keyfile": "File of its private key (PEM, not encrypted), unless `certfile` contains it.",
    "no_verify_ssl": "`true` trusts any certificate. Default: `false`.",
}
PARAMETERS: Final[Mapping[str, str]] = {
    "heartbeat": f"Seconds between heartbeats, 1 to {HEARTBEAT_MAXIMUM_SECONDS}. A dead peer is"
    f" detected after about three. Default: {HEARTBEAT_SECONDS}.",
    "timeout": f"Seconds to wait for an open connection, 1 to {TIMEOUT_MAXIMUM_SECONDS}, shared by"
    f" the addresses of the host name. Default: {TIMEOUT_SECONDS}.",
    "name": "Name of the connection in the broker's management.",
    "auth": "`plain` (user and password) or `external` (the certificate in `certfile`)."
    " Default: `plain`.",
    **TLS_PARAMETERS,
}
"""What an AMQP URL may say behind its `?`, with the meaning. Those for TLS need `amqps://`."""
OTHER_NAMES: Final = {
    "auth_mechanism": "auth",
    "ca_certs": "cafile",
    "cacertfile": "cafile",
    "connection_timeout": "timeout (in seconds)",
    "connection_name": "name",
    "heartbeat_interval": "heartbeat",
    "socket_timeout": "timeout (in seconds)",
    "ssl": "amqps:// instead of amqp://",
    "verify": "no_verify_ssl=true, or nothing: certificates are verified",
}
"""What other libraries call a parameter, and what to write here."""
BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}

WORD: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,40}")


@unique
class Mechanism(StrEnum):
    """How the client proves who it is."""

    PLAIN = "plain"
    EXTERNAL = "external"
    """By its TLS certificate."""


@dataclass(frozen=True, slots=True)
class AmqpParameters:
    """How to connect to a server, besides where it is and as whom."""

    heartbeat_seconds: int = HEARTBEAT_SECONDS
    timeout_seconds: float = TIMEOUT_SECONDS
    """The longest wait for an open connection."""
    name: str | None = None
    """The name of the connection, which the broker's management shows."""
    mechanism: Mechanism = Mechanism.PLAIN
    tls: TlsParameters | None = None
    """None: the connection is not encrypted."""


def parse_parameters(query: str, *, encrypted: bool) -> AmqpParameters:
    """Reads the query of a URL; `encrypted` by its scheme. Raises `ValueError` with a sentence."""
    given = _split(query)
    return AmqpParameters(
        _heartbeat(given),
        _timeout(given),
        given.get("name"),
        _mechanism(given),
        _tls(given, encrypted=encrypted),
    )


def decoded(text: str) -> str:
    """The text without its percent escapes. Raises `ValueError` for one that is no text."""
    try:
        plain = unquote(text, errors="strict")
    except UnicodeDecodeError:
        plain = "\0"
    # The broker separates user and password by a zero byte.
    if "\0" in plain:
        raise ValueError("an escape such as %FF stands for no UTF-8 text, or for a zero byte")
    return plain


def _split(query: str) -> Mapping[str, str]:
    parameters: dict[str, str] = {}
    for part in query.split("&") if query else ():
        name, _, value = part.partition("=")
        if not WORD.fullmatch(name):
            raise ValueError("expected parameters such as ?heartbeat=10&name=worker behind the ?")
        if name not in PARAMETERS:
            meant = OTHER_NAMES.get(name)
            advice = f"write {meant}" if meant else f"known are {', '.join(PARAMETERS)}"
            raise ValueError(f"the URL's parameter {name} is unknown: {advice}")
        if name in parameters:
            raise ValueError(f"the URL's parameter {name} is there twice: keep one")
        if not value:
            raise ValueError(
                f"the URL's parameter {name} has no value: write {name}=..., or no {name}"
            )
        parameters[name] = decoded(value)
    return parameters


def _heartbeat(given: Mapping[str, str]) -> int:
    text = given.get("heartbeat", str(HEARTBEAT_SECONDS))
    seconds = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0
    if not 1 <= seconds <= HEARTBEAT_MAXIMUM_SECONDS:
        raise ValueError(
            "the URL's parameter heartbeat is no whole number of seconds from 1 to"
            f" {HEARTBEAT_MAXIMUM_SECONDS}: write heartbeat={HEARTBEAT_SECONDS}; without heartbeats"
            " a frozen worker would keep its commands for ever"
        )
    return seconds


def _timeout(given: Mapping[str, str]) -> float:
    text = given.get("timeout", str(TIMEOUT_SECONDS))
    seconds = float(text) if re.fullmatch(r"[0-9]{1,5}(\.[0-9]{1,3})?", text) else 0
    if not 1 <= seconds <= TIMEOUT_MAXIMUM_SECONDS:
        raise ValueError(
            "the URL's parameter timeout is no number of seconds from 1 to"
            f" {TIMEOUT_MAXIMUM_SECONDS}: write timeout={TIMEOUT_SECONDS}"
        )
    return seconds


def _mechanism(given: Mapping[str, str]) -> Mechanism:
    try:
        mechanism = Mechanism(given.get("auth", Mechanism.PLAIN).lower())
    except ValueError:
        raise ValueError(
            "the URL's parameter auth is neither plain (user and password) nor external (the"
            " certificate in certfile)"
        ) from None
    if mechanism is Mechanism.EXTERNAL and "certfile" not in given:
        raise ValueError("auth=external needs a certificate: write certfile=..., too")
    return mechanism


def _tls(given: Mapping[str, str], *, encrypted: bool) -> TlsParameters | None:
    of_tls = {name: given[name] for name in TLS_PARAMETERS if name in given}
    if not encrypted:
        for name in of_tls:
            raise ValueError(
                f"the URL's parameter {name} is for TLS only: write amqps:// instead of amqp://, or"
                f" no {name}"
            )
        return None
    trusted = of_tls.pop("no_verify_ssl", "false").lower()
    if trusted not in BOOLEANS:
        raise ValueError(
            "the URL's parameter no_verify_ssl is neither true nor false; false, the default,"
            " verifies the broker's certificate"
        )
    return TlsParameters(**of_tls, verify=not BOOLEANS[trusted])
