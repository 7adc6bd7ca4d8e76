"""What parses outside bytes: each target takes an input and names what became of it.

A target returns a short word for an expected outcome, and raises for anything else.
"""

from collections.abc import Callable, Container, Mapping
from functools import partial
from itertools import chain
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn, cast

from activation_contracts.catalogue import COMMANDS, DIRECTORY, REPORTS, RESULTS
from activation_contracts.reading import UnreadableError, read
from aiormq import spec
from hypothesis import strategies as st
from pamqp import commands, decode, frame

from tests.fuzz.inputs import (
    ANY_TYPE,
    amqp_tables,
    bodies,
    content_types,
    damaged,
    encodings,
    headers,
    import_lines,
    texts,
    urls,
)
from worker.broker.connecting.connection import BrokerRefused
from worker.broker.connecting.refusals import explained
from worker.broker.connecting.tolerant_decoding import decode_tolerantly
from worker.broker.publishing.publication import Publication
from worker.broker.version import judge_version
from worker.consuming.ordering.command_keys import read_keys
from worker.operator.dead_letters.letters import render, render_summary
from worker.operator.dead_letters.queued import QueuedDeadLetter
from worker.operator.importing.jsonl import ImportRefused, read_chunks
from worker.runtime.amqp_url import AmqpServer, parse_amqp_url
from worker.runtime.database_url import InvalidDatabaseUrl, parse_database_url
from worker.runtime.printable import on_one_line
from worker.settings import Settings, SettingsError, environment_name, load
from worker.telemetry.masking import mask_numbers, mask_secrets
from worker.telemetry.tracing import trace_id_of

if TYPE_CHECKING:
    from worker.broker.delivery import Delivery

__all__ = ["TARGETS", "Target"]

Input = Any
RABBIT: Final = AmqpServer("rabbit", 5672)
ORIGIN: Final = {"x-original-exchange": "telephony.commands", "x-original-routing-key": "x"}


class Target(NamedTuple):
    """A parser, what it is fed with, and how an input ended."""

    name: str
    inputs: st.SearchStrategy[Any]
    judge: Callable[[Any], str]


class Message(NamedTuple):
    """A message as a publisher sends it."""

    body: bytes
    content_type: str | None
    content_encoding: str | None
    headers: Mapping[str, Any]


def broken(text: str) -> NoReturn:
    """Fails: an error shows control characters of its input."""
    raise AssertionError(repr(text))


def messages(types: Container[str] = ANY_TYPE) -> st.SearchStrategy[Message]:
    """Messages whose bodies are often nearly of these types."""
    return st.builds(Message, bodies(types), content_types, encodings, headers)


def judge_message(accepted: Mapping[str, Any], message: Message) -> str:
    try:
        found = read(
            message.body,
            message.content_type,
            accepted,
            content_encoding=message.content_encoding,
            headers=message.headers,
        )
    except UnreadableError as error:
        return error.code if error.detail.isprintable() else broken(error.detail)
    assert read(found.encode(), "application/cloudevents+json", accepted) == found
    return "read"


def judge_keys(message: Message) -> str:
    properties = SimpleNamespace(
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=message.headers,
    )
    delivery = SimpleNamespace(body=message.body, properties=properties, headers=message.headers)
    return "unordered" if read_keys(cast("Delivery", delivery)) is None else "ordered"


def judge_table(table: bytes) -> str:
    decode_tolerantly()
    end, fields = decode.METHODS["table"](table + b"behind")
    assert end == len(table)
    return "unreadable" if "x-unreadable-headers" in cast("Any", fields) else "read"


def judge_dead_letter(message: Message) -> str:
    properties = spec.Basic.Properties(
        content_type=message.content_type, headers=cast("Any", {**message.headers, **ORIGIN})
    )
    letter = QueuedDeadLetter(Publication("", "", properties, message.body))
    for line in chain(render_summary(letter).split("\n"), render(letter).split("\n")):
        assert line.isprintable(), line
    return "shown"


def judge_import(lines: list[bytes]) -> str:
    try:
        for _ in read_chunks(lines):
            pass
    except ImportRefused as error:
        is_printable = all(line.isprintable() for line in str(error).split("\n"))
        return "refused" if is_printable else broken(str(error))
    return "read"


def judge_peer(heard: bytes) -> str:
    problem = explained(ConnectionResetError("gone"), RABBIT, heard)
    assert str(problem).isprintable()
    return "refused" if isinstance(problem, BrokerRefused) else "away"


def judge_version_text(text: str) -> str:
    try:
        return "warned" if judge_version(text) else "fine"
    except BrokerRefused:
        return "refused"


def judge_amqp_url(url: str) -> str:
    try:
        parse_amqp_url(url)
    except ValueError:
        return "refused"
    return "read"


def judge_database_url(url: str) -> str:
    try:
        parse_database_url(url)
    except InvalidDatabaseUrl:
        return "refused"
    return "read"


def judge_settings(environment: dict[str, str]) -> str:
    try:
        load(environment)
    except SettingsError:
        return "refused"
    return "read"


def judge_line(text: str) -> str:
    assert on_one_line(text).isprintable()
    masked = mask_numbers(mask_secrets(text))
    assert mask_numbers(masked) == masked
    return "changed" if masked != text else "kept"


def judge_trace(text: str) -> str:
    return "traced" if trace_id_of(text) else "untraced"


lines = st.builds(
    "{}{}{}".format, texts, st.from_regex(r"\+[1-9][0-9 ]{5,16}|[a-z]+://[a-z]*:[^ ]*@"), texts
)
versions = st.from_regex(r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}") | texts
traces = st.from_regex(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}") | texts
names = st.sampled_from([environment_name(field) for field in Settings.model_fields])
environments = st.dictionaries(names, texts | st.integers().map(str), max_size=3)
greetings = st.binary(max_size=200) | damaged(
    st.sampled_from(
        [
            frame.marshal(commands.Connection.Close(530, "NOT_ALLOWED - no", 0, 0), 0),
            b"HTTP/1.1 400 Bad Request\r\n\r\n",
            b"AMQP\x00\x01\x00\x00",
        ]
    )
)

TARGETS: Final = (
    Target("commands", messages(COMMANDS), partial(judge_message, COMMANDS)),
    Target("PBX results", messages(RESULTS), partial(judge_message, RESULTS)),
    Target("directory messages", messages(DIRECTORY), partial(judge_message, DIRECTORY)),
    Target("reports", messages(REPORTS), partial(judge_message, REPORTS)),
    Target("keys of commands", messages(COMMANDS), judge_keys),
    Target("AMQP header tables", amqp_tables(), judge_table),
    Target("dead letters", messages(), judge_dead_letter),
    Target("import lines", import_lines(), judge_import),
    Target("answers of a peer", greetings, judge_peer),
    Target("version of the broker", versions, judge_version_text),
    Target("AMQP URLs", urls("amqp", "amqps"), judge_amqp_url),
    Target("database URLs", urls("postgresql", "postgres"), judge_database_url),
    Target("settings", environments, judge_settings),
    Target("lines of the log", lines | texts, judge_line),
    Target("traceparent", traces, judge_trace),
)
