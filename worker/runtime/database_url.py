"""Reads a database URL as libpq does; what is wrong with it becomes one sentence, no secret."""

import getpass
import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NoReturn
from urllib.parse import unquote

from typing_extensions import override

__all__ = ["DatabaseTarget", "Host", "InvalidDatabaseUrl", "SslMode", "parse_database_url"]

SCHEMES: Final = ("postgresql", "postgres", "postgresql+asyncpg")
DEFAULT_PORT: Final = 5432
PORT_MAXIMUM: Final = 65_535
EXPECTED: Final = "expected postgresql://user:password@host:port/database"
ENCODE: Final = (
    "a character stands where it cannot: in a user name or password write @ as %40, : as %3A,"
    " / as %2F, ? as %3F, # as %23, % as %25 and a space as %20"
)
MALFORMED_HOST: Final = (
    "a host is malformed: write host:port, several with commas, an IPv6 address in [brackets]"
)
WRITABLE: Final = frozenset({"primary", "read-write"})
TLS_VERSIONS: Final = ("TLSv1.2", "TLSv1.3")
PARAMETERS: Final = (
    *("host", "port", "user", "password", "passfile", "dbname"),
    *("sslmode", "sslrootcert", "sslcert", "sslkey", "sslpassword", "sslcrl"),
    *("ssl_min_protocol_version", "target_session_attrs", "application_name"),
)
ENVIRONMENT: Final = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "sslcrl": "PGSSLCRL",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
}
"""The variables from which libpq takes TLS parameters that the URL lacks. An administrator who sets
them relies on encryption."""

_HOST: Final = re.compile(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::([0-9]*))?")
_ENCODED: Final = re.compile(r"(?:[^%]|%[0-9A-Fa-f]{2})*")
_PARAMETER: Final = re.compile(r"[a-z_]{1,63}")


class InvalidDatabaseUrl(ValueError):
    """The URL cannot be used; the text says why and what to write, and contains no part of it."""


class SslMode(StrEnum):
    """The values of `sslmode`, as libpq defines them."""

    DISABLE = "disable"
    ALLOW = "allow"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_CA = "verify-ca"
    VERIFY_FULL = "verify-full"


@dataclass(frozen=True, slots=True)
class Host:
    """A host name, an address, or the folder of a Unix socket."""

    name: str
    port: int

    @override
    def __str__(self) -> str:
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"

    @property
    def is_socket(self) -> bool:
        """Whether it is a folder with a Unix socket."""
        return self.name.startswith("/")


@dataclass(frozen=True, slots=True)
class DatabaseTarget:
    """What a URL says. `repr` leaves out the passwords."""

    hosts: tuple[Host, ...]
    user: str
    password: str | None = field(repr=False)
    database: str
    sslmode: SslMode
    must_be_writable: bool
    """Whether a server that is read-only must be passed over."""
    parameters: Mapping[str, str] = field(repr=False)
    """The other parameters by name; files are not read yet."""


def parse_database_url(url: str) -> DatabaseTarget:
    """What the URL says. Raises `InvalidDatabaseUrl`."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in SCHEMES:
        _refuse("it begins with another scheme")
    if "#" in rest or any(character.isspace() or character < " " for character in rest):
        _refuse(ENCODE)
    before_query, _, query = rest.partition("?")
    authority, _, path = before_query.partition("/")
    userinfo, has_user, hosts = authority.rpartition("@")
    if "@" in userinfo or "@" in path or "/" in path:
        _refuse(ENCODE)
    user, _, password = userinfo.partition(":")
    parameters = _parameters(query, has_user=bool(has_user))
    given = {
        "user": _decoded(user),
        "password": _decoded(password),
        "dbname": _decoded(path),
        "host": hosts,
        "port": "",
    }
    for name, value in given.items():
        if value and name in parameters:
            _refuse(f"{name} is given twice: keep the parameter or the part before the ?")
    return _target({**given, **parameters})


def _target(values: dict[str, str]) -> DatabaseTarget:
    for name, variable in ENVIRONMENT.items():
        if value := os.environ.get(variable):
            values.setdefault(name, value)
    hosts = _hosts(values.pop("host"), values.pop("port"))
    user = values.pop("user") or os.environ.get("PGUSER") or _user_of_process()
    attributes = _one_of(values, "target_session_attrs", ("any", *WRITABLE), "any")
    sslmode = SslMode(_one_of(values, "sslmode", tuple(SslMode), SslMode.PREFER))
    _one_of(values, "ssl_min_protocol_version", TLS_VERSIONS, TLS_VERSIONS[0])
    if "sslkey" in values and "sslcert" not in values:
        _refuse("sslkey belongs to a certificate: name its file with sslcert")
    if values.get("sslrootcert") == "system" and sslmode is not SslMode.VERIFY_FULL:
        _refuse("sslrootcert=system trusts many authorities: write sslmode=verify-full with it")
    values.pop("target_session_attrs", None)
    values.pop("sslmode", None)
    return DatabaseTarget(
        hosts=hosts,
        user=user,
        password=values.pop("password") or None,
        database=values.pop("dbname") or user,
        sslmode=sslmode,
        # Of several servers at most one is the primary.
        must_be_writable=attributes in WRITABLE or len(hosts) > 1,
        parameters=values,
    )


def _parameters(query: str, *, has_user: bool) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in filter(None, query.split("&")):
        name, _, value = item.partition("=")
        if name in {"ssl", "database"}:
            other = {"ssl": "sslmode=require", "database": "dbname"}[name]
            _refuse(f"the parameter {name} is unknown: write {other} instead")
        if name not in PARAMETERS:
            _refuse_parameter(name, query, may_be_shown=has_user)
        if not value:
            _refuse(f"{name} has no value: write {name}=value, or leave it out")
        if name in found:
            _refuse(f"{name} is given twice: keep one of them")
        found[name] = value if name == "host" else _decoded(value)
    return found


def _refuse_parameter(name: str, query: str, *, may_be_shown: bool) -> NoReturn:
    # After a password with an unencoded ? or & its rest stands in the place of a name.
    if "@" in query:
        _refuse(ENCODE)
    is_safe = may_be_shown and "password" not in query and _PARAMETER.fullmatch(name)
    shown = f"the parameter {name}" if is_safe else "a parameter after the ?"
    _refuse(f"{shown} is unknown: known are {', '.join(PARAMETERS)}")


def _hosts(hosts: str, ports: str) -> tuple[Host, ...]:
    if not hosts:
        _refuse("it names no host")
    found = [_host(_decoded(part)) for part in hosts.split(",")]
    given = [_port(port) for port in ports.split(",")] if ports else []
    if given and any(port is not None for _, port in found):
        _refuse("port is given twice: keep the parameter or the ports of the hosts")
    if len(given) not in {0, 1, len(found)}:
        _refuse("port has another number of values than there are hosts")
    if len(given) == 1:
        given *= len(found)
    return tuple(
        Host(name, (given[place] if given else port) or DEFAULT_PORT)
        for place, (name, port) in enumerate(found)
    )


def _host(text: str) -> tuple[str, int | None]:
    if text.startswith("/"):
        return text, None
    parts = _HOST.fullmatch(text)
    if parts is None:
        _refuse(f"{MALFORMED_HOST}; {ENCODE}")
    address, name, port = parts.groups()
    try:
        if address is not None:
            ipaddress.IPv6Address(address)
        elif not name.encode("idna"):
            _refuse(MALFORMED_HOST)
    except ValueError:
        _refuse(MALFORMED_HOST)
    return address or name, _port(port) if port else None


def _port(text: str) -> int:
    if not re.fullmatch("[0-9]{1,5}", text) or not 0 < int(text) <= PORT_MAXIMUM:
        _refuse(f"a port is not a number from 1 to {PORT_MAXIMUM}")
    return int(text)


def _one_of(values: Mapping[str, str], name: str, allowed: tuple[str, ...], default: str) -> str:
    value = values.get(name, default)
    if value not in allowed:
        named = name if os.environ.get(ENVIRONMENT.get(name, "")) != value else ENVIRONMENT[name]
        _refuse(f"{named} must be one of {', '.join(sorted(allowed))}")
    return value


def _decoded(text: str) -> str:
    if not _ENCODED.fullmatch(text):
        _refuse(ENCODE)
    try:
        decoded = unquote(text, errors="strict")
    except UnicodeDecodeError:
        _refuse("what follows a % is no UTF-8")
    if "\x00" in decoded:
        _refuse("it contains %00")
    return decoded


def _user_of_process() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        # A container may run as a uid that has no name.
        _refuse("it names no user, and the user of this process has no name")


def _refuse(problem: str) -> NoReturn:
    # Without the context of an error of the standard library, whose text shows what it was given.
    raise InvalidDatabaseUrl(f"{EXPECTED}, but {problem}") from None
