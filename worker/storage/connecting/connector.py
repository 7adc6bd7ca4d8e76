"""Opens connections: tries each address of each host, and prepares the session."""

import asyncio
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Final

import asyncpg
from typing_extensions import override

from worker.runtime.database_url import (
    DatabaseTarget,
    Host,
    InvalidDatabaseUrl,
    parse_database_url,
)
from worker.runtime.mistakes import Mistake
from worker.storage.connecting.clock import DatabaseClock
from worker.storage.connecting.errors import DatabaseUnavailable, mistake_of, reason_of
from worker.storage.connecting.session import Driver
from worker.storage.connecting.session_setup import prepare, require_kept_session
from worker.storage.connecting.tls import tls_attempts

__all__ = ["COMMAND_TIMEOUT_SECONDS", "CONNECT_TIMEOUT_SECONDS", "Connector"]

CONNECT_TIMEOUT_SECONDS: Final = 5
"""For all addresses together; each of those that are left gets an equal share of what is left."""
COMMAND_TIMEOUT_SECONDS: Final = 40
"""A silent peer would hang the driver for ever; this also outlives the server's own timeouts."""
HOME_FILE: Final = ".pgpass"
FAILURES: Final = (
    OSError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""Errors of connecting that waiting may heal, unless they are mistakes."""


@dataclass(frozen=True, slots=True)
class Address:
    """One address of a host: of a name with several, each is tried."""

    host: Host
    address: str

    @override
    def __str__(self) -> str:
        return str(self.host) if self.address == self.host.name else f"{self.host} ({self.address})"


class Connector:
    """Opens connections to the database of a URL, which it reads again for each."""

    def __init__(self, current_url: Callable[[], str], clock: DatabaseClock) -> None:
        self._current_url = current_url
        self.clock: Final = clock
        """Observes the database's time with each connection."""
        self._last_used: Address | None = None
        self._known_to_keep_sessions: DatabaseTarget | None = None

    async def connect(self) -> Driver:
        """A prepared session. Raises `Mistake`, `SettingsError` or `DatabaseUnavailable`.

        A mistake is raised only if no address works: of several servers one may be wrong.
        """
        target = _parsed(self._current_url())
        deadline = monotonic() + CONNECT_TIMEOUT_SECONDS
        addresses, problems = await _addresses(target.hosts)
        # The address that worked last is tried first: another one may only swallow packets.
        addresses.sort(key=lambda address: address != self._last_used)
        mistakes: list[Mistake] = []
        for place, address in enumerate(addresses):
            share = (deadline - monotonic()) / (len(addresses) - place)
            try:
                async with asyncio.timeout(share):
                    driver = await self._open(target, address)
            except TimeoutError:
                problems.append(f"{address} did not answer in {max(share, 0):.1f} s")
            except Exception as error:
                if isinstance(mistake := mistake_of(error), Mistake):
                    mistakes.append(mistake)
                elif isinstance(error, FAILURES):
                    problems.append(f"{address}: {reason_of(error)}")
                else:
                    raise
            else:
                self._last_used = address
                return driver
        if mistakes:
            raise mistakes[0] from None
        raise DatabaseUnavailable("; ".join(problems)) from None

    async def _open(self, target: DatabaseTarget, address: Address) -> Driver:
        driver = await _connect(target, address)
        try:
            if self._known_to_keep_sessions != target:
                await require_kept_session(driver, lambda: _connect(target, address))
                self._known_to_keep_sessions = target
            await prepare(driver, target, self.clock)
        except BaseException:
            driver.terminate()
            raise
        return driver


def _parsed(url: str) -> DatabaseTarget:
    try:
        return parse_database_url(url)
    except InvalidDatabaseUrl as error:
        raise Mistake(f"DATABASE_URL: {error}.") from None


async def _addresses(hosts: Sequence[Host]) -> tuple[list[Address], list[str]]:
    """The addresses of the hosts, in order, and the reasons why some hosts have none."""
    found: list[Address] = []
    problems: list[str] = []
    for host in hosts:
        if host.is_socket:
            found.append(Address(host, host.name))
            continue
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS / len(hosts) / 2):
                infos = await asyncio.get_running_loop().getaddrinfo(
                    host.name, host.port, type=socket.SOCK_STREAM
                )
        except TimeoutError:
            problems.append(f"{host}: its name was not resolved in time")
        except OSError as error:
            problems.append(f"{host}: {reason_of(error)}")
        else:
            found.extend(Address(host, str(info[4][0])) for info in infos)
    return list(dict.fromkeys(found)), problems


async def _connect(target: DatabaseTarget, address: Address) -> Driver:
    attempts = (
        (None,) if address.host.is_socket else tls_attempts(target, server_name=address.host.name)
    )
    for attempt in attempts[:-1]:
        try:
            return await _connect_once(target, address, attempt)
        except OSError as error:
            # The server refused TLS, or the lack of it: `prefer` and `allow` try the other way.
            if isinstance(error, (TimeoutError, ConnectionRefusedError)):
                raise
        except asyncpg.InvalidPasswordError:
            raise
        except asyncpg.InvalidAuthorizationSpecificationError:
            continue
    return await _connect_once(target, address, attempts[-1])


async def _connect_once(
    target: DatabaseTarget, address: Address, context: ssl.SSLContext | None
) -> Driver:
    return await asyncpg.connect(
        host=address.address,
        port=address.host.port,
        user=target.user,
        database=target.database,
        password=_password(target),
        passfile=target.parameters.get("passfile"),
        ssl=context or False,
        # Given here, so that the driver does not look for them in variables of the environment.
        direct_tls=False,
        target_session_attrs="any",
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        # By default the driver prepares each statement again after five minutes, and keeps only a
        # hundred. To close one it waits for the server without a limit: so it keeps all.
        max_cached_statement_lifetime=0,
        statement_cache_size=1000,
    )


def _password(target: DatabaseTarget) -> str | None:
    """The password; None if the driver must look for one in PGPASSWORD and the password file."""
    if target.password is not None or "PGPASSWORD" in os.environ:
        return target.password
    named = target.parameters.get("passfile") or os.environ.get("PGPASSFILE")
    try:
        path = Path(named) if named else Path.home() / HOME_FILE
        with path.open("rb"):
            return None
    except (OSError, RuntimeError, ValueError) as error:
        if not named:
            # The driver would fail on a home that it may not read.
            return ""
        reason = getattr(error, "strerror", None) or "no path"
        raise Mistake(
            f"The password file {named} cannot be read: {reason}. Correct passfile in DATABASE_URL"
            " (or PGPASSFILE), or the file's permissions."
        ) from None
