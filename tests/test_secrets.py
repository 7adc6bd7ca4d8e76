"""No password of a URL is shown, whatever the URL looks like."""

import traceback
from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner
from hypothesis import example, given, settings
from hypothesis import strategies as st

from worker.cli import main
from worker.runtime.amqp_url import parse_amqp_url
from worker.settings import SettingsError, load

MARK = "hunter2"
NUMBER = "+442079460001"

DECIDED = ("--by", "Ada", "--why", "test")
COMMANDS = {
    "acts": (),
    "check": (),
    "dead-letters discard": ("--all", "--yes", *DECIDED),
    "dead-letters list": (),
    "dead-letters replay": ("--all", *DECIDED),
    "dead-letters show": ("0123",),
    "import": ("-",),
    "migrate": (),
    "entitlements": (),
    "manual-logouts close": (NUMBER, "fax", *DECIDED),
    "outbox discard": ("1", *DECIDED),
    "outbox list": (),
    "outbox retry": ("--all", *DECIDED),
    "partitions": (),
    "pause": DECIDED,
    "pending": (),
    "reconcile": ("-",),
    "republish": ("--all",),
    "resolve": (NUMBER, "--as", "retry", *DECIDED),
    "resume": DECIDED,
    "retention": (),
    "send": ("activate", NUMBER, "--account", "acme", "--site", "london"),
    "show": (NUMBER,),
    "topology": (),
}
"""Arguments for every command that connects to a server and ends by itself."""

UNTIL_STORED = {"outbox discard", "outbox retry", "pause", "resolve", "resume"}
"""These repeat their transaction while PostgreSQL is away: they are tried with a wrong URL only."""

odd = st.text(st.sampled_from("ab:@/?#[]%,;=& \n\\\"'$é\udcff"), max_size=4)
passwords = st.builds("{}{}{}".format, odd, st.just(MARK), odd)
hosts = st.sampled_from(
    ("127.0.0.1", "[::1]", "localhost", "127.0.0.1:1", "127.0.0.1:x", "[::1", "")
)
paths = st.sampled_from(("", "/", "//", "/a/b", "/;", "/%FF", "/name"))
queries = st.sampled_from(
    ("", "?heartbeat=5s", "?heartbeat", "?cafile=/nowhere", "?sslmode", "?sslmode=no", "?ghost=1")
)


def urls(*schemes: str) -> st.SearchStrategy[str]:
    """URLs of one server, well-formed or not; the password contains the mark."""
    return st.builds(
        "{}{}:{}@{}{}{}".format, st.sampled_from(schemes), odd, passwords, hosts, paths, queries
    )


broker_urls = st.builds(
    lambda separator, parts: separator.join(parts),
    st.sampled_from((",", ";", " ", "")),
    st.lists(urls("amqp://", "amqps://", "amqp:", ""), min_size=1, max_size=2),
)
database_urls = urls("postgresql://", "postgres://", "postgresql+asyncpg://", "postgresql:", "")


@st.composite
def damaged(draw: st.DrawFn, intact: st.SearchStrategy[str]) -> str:
    """A URL that lacks a character, or has one too many."""
    url = draw(intact)
    place = draw(st.integers(0, len(url)))
    return url[:place] + draw(odd) + url[place + draw(st.integers(0, 1)) :]


@given(broker_urls | damaged(broker_urls), database_urls | damaged(database_urls))
@settings(max_examples=300)
@example("amqp://a:b@h/;amqp://guest:hunter2@h2/", "postgres://app@srv-1:hunter2@host:5432/db")
def test_load_shows_no_password(amqp_url: str, database_url: str) -> None:
    for environment in (
        {"AMQP_URL": amqp_url},
        {"DATABASE_URL": database_url},
        # A URL in place of a path; what lacks its :// could be the name of a file.
        {"AMQP_URL_FILE" if "://" in amqp_url else "AMQP_URL": amqp_url},
        {"AMQP_URL": amqp_url, "DATABASE_URL": database_url},
    ):
        try:
            loaded = load(environment)
        except SettingsError as error:
            shown = "".join(traceback.format_exception(error))
        else:
            shown = repr(loaded) + "".join(repr(parse_amqp_url(url)) for url in loaded.amqp_urls)
        assert MARK not in shown


def leaves(group: click.Group, prefix: str = "") -> Iterator[str]:
    """The full names of all commands."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group) and command.commands:
            yield from leaves(command, f"{prefix}{name} ")
        else:
            yield prefix + name


def test_every_command_is_tried() -> None:
    assert {*leaves(main)} - {"run", "standalone", "contracts export"} == {*COMMANDS}


refused_at_once = st.builds(
    "{}{}:{}@{}{}{}".format,
    st.sampled_from(("amqp://", "amqps://")),
    odd,
    passwords,
    st.just("127.0.0.1:1"),
    paths,
    queries,
)
database_refused_at_once = st.builds(
    "postgresql://ada:{}@127.0.0.1:1/{}".format,
    st.sampled_from((MARK, f"%2F{MARK}%40")),
    st.just("x"),
)


@pytest.mark.parametrize("name", COMMANDS)
@given(refused_at_once, database_refused_at_once)
@settings(max_examples=2)
@example(f"amqp://ada:{MARK}@127.0.0.1:1/", f"postgresql://ada:{MARK}@127.0.0.1:1/x")
def test_no_command_shows_a_password(name: str, amqp_url: str, database_url: str) -> None:
    if name in UNTIL_STORED:
        database_url = database_url.replace(":1/", ":x/")
    result = CliRunner().invoke(
        main,
        (*name.split(), *COMMANDS[name]),
        env={"AMQP_URL": amqp_url, "DATABASE_URL": database_url},
        input="",
    )

    assert result.exit_code not in {0, 1}
    shown = result.output + "".join(traceback.format_exception(*(result.exc_info or ())))
    assert MARK not in shown
    assert isinstance(result.exception, SystemExit)
