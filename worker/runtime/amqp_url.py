"""Reads AMQP URLs strictly: what is wrong in one is named, never guessed at or ignored.

The text of an error names a parameter or a file, and contains nothing else of the URL: whatever
stands in a malformed one may be part of a password.
"""

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import override

from worker.runtime.amqp_parameters import AmqpParameters, decoded, parse_parameters

__all__ = ["AmqpServer", "parse_amqp_url", "split_amqp_urls"]

PORTS: Final = {"amqp": 5672, "amqps": 5671}
PORT_MAXIMUM: Final = 65_535
SHORT_STRING_BYTES: Final = 255
HOST_BYTES: Final = 253
EXPECTED: Final = "expected amqp://user:password@host:port/virtual-host, several with commas"
BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")
RESERVED: Final = (
    "a character of the user name, password or virtual host has a meaning in URLs: write @ as %40,"
    " / as %2F, ? as %3F, # as %23, [ as %5B, ] as %5D, % as %25 and , as %2C"
)


@dataclass(frozen=True, slots=True)
class AmqpServer:
    """One node of a broker, and how to connect to it. `repr` leaves out the password."""

    host: str
    """In ASCII; without brackets."""
    port: int
    user: str = "guest"
    password: str = field(default="guest", repr=False)
    virtual_host: str = "/"
    parameters: AmqpParameters = field(default_factory=AmqpParameters)

    @override
    def __str__(self) -> str:
        """Host and port, for messages."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def split_amqp_urls(text: str) -> tuple[str, ...]:
    """The URLs in a list with commas. Raises `ValueError` if a part is none."""
    urls = tuple(part.strip() for part in text.split(",") if part.strip())
    if not urls:
        raise ValueError(EXPECTED)
    if not all(re.match(r"\w+(\+\w+)?://", url) for url in urls[1:]):
        raise ValueError(
            "a comma separates URLs, and what follows one does not begin with amqp:// or amqps://:"
            " write a comma of a user name, password or virtual host as %2C"
        )
    return urls


def parse_amqp_url(url: str) -> AmqpServer:
    """Reads one URL. Raises `ValueError` with a sentence that says what to write instead."""
    scheme, separator, rest = url.partition("://")
    scheme = scheme.lower()
    if not separator or scheme not in PORTS:
        raise ValueError(EXPECTED)
    _refuse_confusing_characters(rest)
    location, _, query = rest.partition("?")
    authority, slash, path = location.partition("/")
    account, _, place = authority.rpartition("@")
    host, port = _place(place)
    user, password = _account(account)
    return AmqpServer(
        host,
        port or PORTS[scheme],
        user,
        password,
        _virtual_host(path) if slash else "/",
        parse_parameters(query, encrypted=scheme == "amqps"),
    )


def _refuse_confusing_characters(rest: str) -> None:
    if not rest.isprintable() or " " in rest:
        raise ValueError(
            "a space, a line break or another character that cannot be printed is in the URL:"
            " write a space as %20, and remove the others"
        )
    if "://" in rest:
        raise ValueError(
            "a second :// is in the URL: separate several URLs with commas, and write : and / of a"
            " password as %3A and %2F"
        )
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    is_ambiguous = "@" in rest[len(authority) :] or authority.count("@") > 1 or "#" in rest
    in_account = set("[]") & set(authority.rpartition("@")[0])
    if is_ambiguous or in_account or BROKEN_ESCAPE.search(rest):
        raise ValueError(RESERVED)


def _place(place: str) -> tuple[str, int | None]:
    """Host and port."""
    if place.startswith("["):
        host, bracket, rest = place[1:].partition("]")
        if not bracket or not _is_ipv6(host) or (rest and not rest.startswith(":")):
            raise ValueError("expected an IPv6 address in the brackets, such as amqp://[::1]:5672/")
        return host, _port(rest[1:]) if rest else None
    if place.count(":") > 1:
        raise ValueError(
            "the host has several colons: write an IPv6 address in brackets, such as"
            f" amqp://[::1]:5672/; otherwise, {RESERVED}"
        )
    host, colon, port = place.partition(":")
    return _host(host), _port(port) if colon else None


def _is_ipv6(host: str) -> bool:
    try:
        return "%" not in host and ipaddress.ip_address(host).version > 4  # noqa: PLR2004 -- IPv4
    except ValueError:
        return False


def _host(host: str) -> str:
    if not host:
        raise ValueError(EXPECTED)
    try:
        # Resolving raises UnicodeError for a label that is empty or too long.
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_host = ""
    if not re.fullmatch(r"[A-Za-z0-9_.-]+", ascii_host) or len(ascii_host) > HOST_BYTES:
        raise ValueError(
            "the host is not a name or an address: expected letters, digits, dots and hyphens"
        )
    return ascii_host


def _port(text: str) -> int:
    port = int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 0
    if not 1 <= port <= PORT_MAXIMUM:
        raise ValueError(
            "expected a port from 1 to 65535 behind the colon after the host; if that colon belongs"
            f" to a user name and password, {RESERVED}"
        )
    return port


def _account(account: str) -> tuple[str, str]:
    """User and password."""
    if not account:
        return "guest", "guest"
    user, colon, password = account.partition(":")
    if colon and not password:
        raise ValueError("the password is empty: RabbitMQ accepts no empty password")
    # RabbitMQ's rules for URLs: what is left out is "guest".
    return decoded(user) or "guest", decoded(password) or "guest"


def _virtual_host(path: str) -> str:
    # Other clients need amqp://host// for the virtual host "/".
    if path in {"", "/"}:
        return "/"
    if "/" in path:
        raise ValueError(
            "a second / is in the virtual host: write / in its name as %2F, and ? and @ of a"
            " password as %3F and %40"
        )
    name = decoded(path)
    if len(name.encode()) > SHORT_STRING_BYTES or "%2F" in name:
        raise ValueError(
            f"the virtual host is longer than {SHORT_STRING_BYTES} bytes, or its name contains %2F"
        )
    return name
