"""Connecting: each address gets its share of time, TLS, and mistakes as one sentence."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.support.peers import postgresql_with_tls
from tests.support.servers.certificates import Certificates
from tests.support.servers.postgresql import LOOPBACK, Administered
from worker.runtime.mistakes import Mistake
from worker.settings import SettingsError
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.errors import DatabaseUnavailable, ReadOnlyServer
from worker.storage.connecting.session import Session
from worker.storage.connecting.session_setup import SESSION_SETTINGS
from worker.storage.deployment.preflight import require_writable


async def select_one(url: str) -> object:
    async with open_database(url) as database, database.session() as session:
        return await session.driver.fetchval("SELECT 1")


@asynccontextmanager
async def silent_port(address: str = LOOPBACK) -> AsyncIterator[int]:
    """A port that accepts connections and never answers."""
    with socket.socket() as listener:
        listener.bind((address, 0))
        listener.listen()
        yield listener.getsockname()[1]


# Mistakes -----------------------------------------------------------------------------------------


async def test_a_wrong_password_is_a_mistake(administered: Administered) -> None:
    async with administered.role() as role:
        with pytest.raises(Mistake, match=r"refuses the password.*DATABASE_URL") as refused:
            await select_one(administered.url("postgres", f"{role}:hunter2"))
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("home", ["/nonexistent", __file__, None])
async def test_a_home_that_cannot_be_read_does_not_keep_a_password_from_being_asked_for(
    administered: Administered, monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    if home is None:
        monkeypatch.setattr(Path, "home", _no_home)
    else:
        monkeypatch.setenv("HOME", home)
    assert await select_one(administered.url("postgres")) == 1
    async with administered.role() as role:
        with pytest.raises(Mistake, match="refuses the password"):
            await select_one(administered.url("postgres", role))


def _no_home() -> Path:
    raise RuntimeError("Could not determine home directory.")


async def test_a_role_that_may_not_log_in_is_a_mistake(administered: Administered) -> None:
    async with administered.role("NOLOGIN PASSWORD 'first'") as role:
        with pytest.raises(Mistake, match=r"does not admit this user: .*not permitted to log in"):
            await select_one(administered.url("postgres", f"{role}:first"))


async def test_a_missing_database_is_a_mistake(administered: Administered) -> None:
    with pytest.raises(Mistake, match='no such database: database "nowhere" does not exist'):
        await select_one(administered.url("nowhere"))


async def test_a_missing_right_to_connect_is_a_mistake(administered: Administered) -> None:
    async with administered.role() as role, administered.database() as name:
        await administered.execute(f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC")
        with pytest.raises(Mistake, match="a right: permission denied for database"):
            await select_one(administered.url(name, f"{role}:first"))


async def test_an_encoding_other_than_utf8_is_a_mistake(administered: Administered) -> None:
    options = "ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0"
    async with administered.database(options) as name:
        with pytest.raises(Mistake, match=r"encoding LATIN1.*ENCODING 'UTF8'"):
            await select_one(administered.url(name))


async def test_a_server_without_tls_is_a_mistake_where_tls_is_required(database_url: str) -> None:
    with pytest.raises(Mistake, match="offers no TLS, and sslmode in DATABASE_URL requires it"):
        await select_one(f"{database_url}?sslmode=require")


@pytest.mark.parametrize("parameter", ["sslrootcert", "sslcert", "sslcrl"])
@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_file_that_cannot_be_used_is_named(
    administered: Administered, tmp_path: Path, parameter: str, content: str | None
) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_text(content)
    trusted = "" if parameter == "sslrootcert" else f"&sslrootcert={administered.certificate}"
    query = f"?sslmode=verify-ca&{parameter}={file}{trusted}"
    with pytest.raises(Mistake, match=f"^DATABASE_URL: {parameter} names the file {file}, which"):
        await select_one(administered.url("postgres") + query)


async def test_a_password_file_that_is_missing_is_named(administered: Administered) -> None:
    with pytest.raises(Mistake, match=r"The password file /nowhere/pgpass cannot be read"):
        await select_one(administered.url("postgres") + "?passfile=/nowhere/pgpass")


async def test_verification_without_an_authority_is_a_mistake(
    administered: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/nonexistent")
    with pytest.raises(Mistake, match="sslmode=verify-full needs the authority"):
        await select_one(administered.url("postgres") + "?sslmode=verify-full")


# TLS ----------------------------------------------------------------------------------------------


async def test_the_certificate_is_verified_by_the_name_in_the_url(
    administered: Administered,
) -> None:
    query = f"?sslmode=verify-full&sslrootcert={administered.certificate}"

    assert await select_one(administered.url("postgres", host="localhost") + query) == 1
    with pytest.raises(Mistake, match="certificate of PostgreSQL cannot be verified"):
        await select_one(administered.url("postgres", host=LOOPBACK) + query)


@pytest.mark.parametrize(
    ("sslmode", "is_encrypted"),
    [("disable", False), ("allow", False), ("prefer", True), ("require", True)],
)
async def test_sslmode_chooses_between_tls_and_none(
    administered: Administered, sslmode: str, *, is_encrypted: bool
) -> None:
    url = f"{administered.url('postgres')}?sslmode={sslmode}"
    async with open_database(url) as database, database.session() as session:
        found = await session.driver.fetchval(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        )

    assert found is is_encrypted


async def test_sslmode_allow_uses_tls_where_the_server_requires_it(
    administered: Administered,
) -> None:
    await administered.execute("CREATE ROLE over_tls LOGIN")
    try:
        url = administered.url("postgres", "over_tls")
        assert await select_one(f"{url}?sslmode=allow") == 1
        with pytest.raises(Mistake, match="does not admit this user"):
            await select_one(f"{url}?sslmode=disable")
    finally:
        await administered.execute("DROP ROLE over_tls")


async def test_a_certificate_that_is_out_of_date_is_named(
    certificates: Certificates,
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificates.expired_server, certificates.server_key)
    async with postgresql_with_tls(context) as port:
        url = f"postgresql://it@localhost:{port}/x?sslmode=verify-full"
        with pytest.raises(Mistake, match=r"out of date: .*expired.*Renew it"):
            await select_one(f"{url}&sslrootcert={certificates.authority}")


async def test_a_role_that_is_admitted_by_its_certificate_needs_the_right_one(
    administered: Administered, certificates: Certificates
) -> None:
    await administered.execute("CREATE ROLE it LOGIN")
    try:
        url = f"{administered.url('postgres', 'it')}?sslmode=require"

        def presenting(certificate: Path) -> str:
            return f"{url}&sslcert={certificate}&sslkey={certificates.client_key}"

        assert await select_one(presenting(certificates.client)) == 1
        for wrong, problem in (
            (url, "connection requires a valid client certificate"),
            (presenting(certificates.expired_client), r"certificate expired\). Renew it"),
            (presenting(certificates.foreign_client), r"unknown ca\). Renew it, or correct sslc"),
        ):
            with pytest.raises(Mistake, match=problem):
                await select_one(wrong)
    finally:
        await administered.execute("DROP ROLE it")


# Addresses ----------------------------------------------------------------------------------------


async def test_the_next_host_is_tried_when_one_refuses_or_does_not_answer(
    administered: Administered,
) -> None:
    async with silent_port() as silent:
        hosts = f"{LOOPBACK}:1,{LOOPBACK}:{silent},{LOOPBACK}"
        url = administered.url("postgres", host=hosts)

        assert await select_one(url) == 1


async def test_the_next_address_of_a_name_is_tried_when_one_does_not_answer(
    administered: Administered, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = administered.server.port

    async def resolve(_host: str, _port: int, **_: object) -> Sequence[tuple[object, ...]]:
        return [(0, 0, 0, "", (address, port)) for address in ("127.0.0.9", LOOPBACK)]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    with socket.socket() as silent:
        silent.bind(("127.0.0.9", port))
        silent.listen()
        url = administered.url("postgres", host="database.example")

        assert await select_one(url) == 1


async def test_what_every_address_answered_is_said() -> None:
    url = f"postgresql://worker@{LOOPBACK}:1,{LOOPBACK}:2/numbers"
    with pytest.raises(DatabaseUnavailable, match=rf"{LOOPBACK}:1: .*; {LOOPBACK}:2: "):
        await select_one(url)


async def test_a_name_without_address_is_waited_for() -> None:
    with pytest.raises(DatabaseUnavailable, match=r"database\.invalid:5432: "):
        await select_one("postgresql://worker@database.invalid/numbers")


async def test_a_read_only_server_is_passed_over_and_named(administered: Administered) -> None:
    async with administered.database() as name:
        await administered.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
        url = administered.url(name)
        with pytest.raises(DatabaseUnavailable, match="the server is read-only"):
            await select_one(f"{url}?target_session_attrs=read-write")
        async with open_database(url) as database, database.session() as session:
            with pytest.raises(ReadOnlyServer):
                await require_writable(session)


# Sessions -----------------------------------------------------------------------------------------


async def test_every_session_has_the_settings_that_the_worker_relies_on(database: Database) -> None:
    async with database.own_session() as session:
        shown = {name: await session.driver.fetchval(f"SHOW {name}") for name in SESSION_SETTINGS}
        application_name = await session.driver.fetchval("SHOW application_name")

    assert shown.pop("tcp_keepalives_idle") in {"60", "1min"}
    assert shown.items() <= SESSION_SETTINGS.items()
    assert application_name == "activation-worker"


# Once usable --------------------------------------------------------------------------------------


async def test_a_rotated_password_is_waited_for_and_the_url_is_read_again(
    administered: Administered,
) -> None:
    async with administered.role() as role:
        urls = [administered.url("postgres", f"{role}:first")]
        async with open_database(lambda: urls[-1], waits=True) as database:
            assert await database.transact(one) == 1
            await administered.execute(f"ALTER ROLE {role} PASSWORD 'second'", ending(role))
            working = asyncio.create_task(database.transact(one))
            await asyncio.sleep(0.3)
            assert not working.done()
            urls.append(administered.url("postgres", f"{role}:second"))
            assert await asyncio.wait_for(working, 30) == 1


async def test_a_url_that_cannot_be_read_for_a_moment_is_waited_for(database_url: str) -> None:
    problems = [SettingsError("DATABASE_URL_FILE names the file /run/url, which cannot be read.")]

    def current() -> str:
        if is_usable and problems:
            raise problems.pop()
        return database_url

    is_usable = False
    async with open_database(current, waits=True) as database:
        assert await database.transact(one) == 1
        is_usable = True
        await database.close()
        assert await asyncio.wait_for(database.transact(one), 30) == 1
    assert not problems


async def test_a_mistake_ends_a_database_that_was_never_usable() -> None:
    async with open_database(lambda: "nonsense", waits=True) as database:
        with pytest.raises(Mistake, match="DATABASE_URL: expected postgresql://"):
            await database.transact(one)


async def one(session: Session) -> object:
    return await session.driver.fetchval("SELECT 1")


def ending(role: str) -> str:
    return f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'"
