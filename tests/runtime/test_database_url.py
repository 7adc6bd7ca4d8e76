"""Database URLs: what libpq reads is read; what is wrong is one sentence that shows no secret."""

import getpass
import traceback

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.runtime.database_url import (
    DatabaseTarget,
    Host,
    InvalidDatabaseUrl,
    SslMode,
    parse_database_url,
)

SECRET = "hunter2hunter2"  # noqa: S105 -- a mark, which no text may contain


@pytest.mark.parametrize(
    ("hosts", "expected"),
    [
        ("one", [Host("one", 5432)]),
        ("one:6000", [Host("one", 6000)]),
        ("one:6000,two:7000", [Host("one", 6000), Host("two", 7000)]),
        ("one,two:7000", [Host("one", 5432), Host("two", 7000)]),
        ("[::1]:6000,[fe80::1%25eth0]", [Host("::1", 6000), Host("fe80::1%eth0", 5432)]),
        ("%2Frun%2Fpostgresql", [Host("/run/postgresql", 5432)]),
    ],
)
def test_parser_reads_hosts_with_and_without_ports(hosts: str, expected: list[Host]) -> None:
    assert parse_database_url(f"postgresql://worker@{hosts}/numbers").hosts == tuple(expected)


def test_parser_reads_hosts_and_account_from_parameters() -> None:
    query = "host=one,two&port=6000,7000&user=a%40b&password=p%26q&dbname=numbers"

    target = parse_database_url(f"postgres:///?{query}")

    assert target == DatabaseTarget(
        hosts=(Host("one", 6000), Host("two", 7000)),
        user="a@b",
        password="p&q",  # noqa: S106
        database="numbers",
        sslmode=SslMode.PREFER,
        must_be_writable=True,
        parameters={},
    )


def test_parser_decodes_account_and_database() -> None:
    target = parse_database_url("postgresql+asyncpg://app%40site:s%3A%2F%3F%23%25@host/a%2Fb")

    assert (target.user, target.password, target.database) == ("app@site", "s:/?#%", "a/b")


def test_parser_takes_the_user_of_the_process_and_the_database_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")

    target = parse_database_url("postgresql://host")

    assert (target.user, target.database, target.password) == ("ada", "ada", None)


def test_parser_asks_for_a_user_where_the_process_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise KeyError("getpwuid(): uid not found: 10001")

    monkeypatch.setattr(getpass, "getuser", unknown)
    with pytest.raises(InvalidDatabaseUrl, match="it names no user"):
        parse_database_url("postgresql://host/numbers")


@pytest.mark.parametrize(
    ("attributes", "must_be_writable"), [("any", False), ("primary", True), ("read-write", True)]
)
def test_parser_reads_which_server_is_wanted(attributes: str, *, must_be_writable: bool) -> None:
    url = f"postgresql://worker@host/numbers?target_session_attrs={attributes}"

    assert parse_database_url(url).must_be_writable is must_be_writable


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        (f"postgres://app@srv-1:{SECRET}@host:5432/db", "write @ as %40"),
        (f"postgres://app:{SECRET}/x@host:5432/db", "write @ as %40"),
        (f"postgres://app:{SECRET}?x@host:5432/db", "write @ as %40"),
        (f"postgres://app:33?{SECRET}@host:5432/db", "write @ as %40"),
        (f"postgres://app:{SECRET}#x@host:5432/db", "# as %23"),
        (f"postgres://app:{SECRET}%@host/db", "% as %25"),
        (f"postgres://app:{SECRET}%ff@host/db", "no UTF-8"),
        (f"postgres://app:{SECRET}%00@host/db", "%00"),
        (f"postgres://app:{SECRET}@host:54x2/db", "a host is malformed"),
        (f"postgres://app:{SECRET}@[::1/db", "a host is malformed"),
        (f"postgres://app:{SECRET}@[host]/db", "a host is malformed"),
        (f"postgres://app:{SECRET}@one,,two/db", "a host is malformed"),
        (f"postgres://app:{SECRET}@host:0/db", "from 1 to 65535"),
        (f"postgres://app:{SECRET}@host:65536/db", "from 1 to 65535"),
        (f"postgres://app:{SECRET}@/db", "no host"),
        (f"postgres://app:{SECRET}@host/db?sslmode", "sslmode has no value"),
        (f"postgres://app:{SECRET}@host/db?sslmode=", "sslmode has no value"),
        (f"postgres://app:{SECRET}@host/db?sslmode=on", "sslmode must be one of allow, disable"),
        (f"postgres://app:{SECRET}@host/db?ssl=require", "write sslmode=require instead"),
        (f"postgres://app:{SECRET}@host/db?sslkey=/key", "sslcert"),
        (f"postgres://app:{SECRET}@host/db?sslrootcert=system", "sslmode=verify-full"),
        (f"postgres://app:{SECRET}@host/db?ssl_min_protocol_version=SSLv3", "TLSv1.2, TLSv1.3"),
        (f"postgres://app:{SECRET}@host/db?target_session_attrs=standby", "any, primary, read-w"),
        (f"postgres://app:{SECRET}@host/db?gohst=x", "the parameter gohst is unknown: known are"),
        (f"postgres://app:{SECRET}@host/db?host=other", "host is given twice"),
        (f"postgres://app:{SECRET}@host/db?user=a&user=b", "user is given twice"),
        ("postgres://host:1/db?port=2", "port is given twice"),
        ("postgres:///db?host=a,b&port=1,2,3", "port has another number"),
        (f"postgres://host/db?password=a&{SECRET}", "a parameter after the ? is unknown"),
        (f"mysql://app:{SECRET}@host/db", "another scheme"),
        (SECRET, "another scheme"),
    ],
)
def test_parser_names_the_problem_and_what_to_write(url: str, problem: str) -> None:
    with pytest.raises(InvalidDatabaseUrl) as refused:
        parse_database_url(url)

    assert problem in str(refused.value)
    assert str(refused.value).startswith("expected postgresql://user:password@host:port/database")
    assert SECRET not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_tls_parameters_that_the_url_lacks_are_those_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    monkeypatch.setenv("PGSSLROOTCERT", "/ca.pem")
    target = parse_database_url("postgresql://app@host/db")

    assert target.sslmode is SslMode.VERIFY_FULL
    assert target.parameters["sslrootcert"] == "/ca.pem"
    assert parse_database_url("postgresql://app@host/db?sslmode=disable").sslmode is SslMode.DISABLE


def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGSSLMODE", "on")
    with pytest.raises(InvalidDatabaseUrl, match="PGSSLMODE must be one of allow, disable"):
        parse_database_url("postgresql://app@host/db")


AROUND = st.text("ab@:/?#%&=,[].0 \n\0é", max_size=8)


@given(before=AROUND, inside=AROUND, after=AROUND, tail=AROUND)
@example(before="", inside="@", after="", tail="")
@example(before="", inside="?", after="", tail="")
def test_no_error_shows_a_part_of_the_password(
    before: str, inside: str, after: str, tail: str
) -> None:
    url = f"postgresql://app:{before}{SECRET}{inside}{SECRET}{after}@host:5432/db{tail}"
    assert SECRET not in _shown(url)


def _shown(url: str) -> str:
    try:
        return repr(parse_database_url(url))
    except InvalidDatabaseUrl as error:
        return "".join(traceback.format_exception(error, limit=0))
