"""Which plans PostgreSQL chooses for what the worker really asks, on a large database.

A worker in this process carries out commands; each of its statements is then explained with the
parameters that it had. Beside that, PostgreSQL's own counters tell whether any large table was
read from end to end during all of a benchmark.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import asyncpg
from sqlalchemy import event

from contracts.values import Operation
from tests.benchmarks.broker import preload
from tests.benchmarks.samples import until_said
from tests.benchmarks.stage import Stage
from tests.benchmarks.wanted import SAID, wanted
from tests.benchmarks.worlds import World
from tests.support.workers import working
from worker.shell.database.engine import Database, open_database
from worker.shell.logs import configure
from worker.shell.settings import load

COMMANDS = 40
LARGE_ROWS = 20_000
SEQUENTIAL = "Seq Scan"


Asked = dict[tuple[str, tuple[bool, ...]], Sequence[object]]
"""Statements with the parameters that they had last; which of them were null makes a difference."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A statement, and how it is carried out."""

    statement: str
    steps: tuple[str, ...]
    """Every access to a table."""
    read_whole: tuple[str, ...]
    """The large tables that are read from end to end."""


async def asked(stage: Stage, database_url: str, world: World) -> Asked:
    """Every statement of a worker that activates and deactivates."""
    found: Asked = {}
    configure(sys.stderr, format="json", level="WARNING")
    async with stage.beside(database_url) as place, open_database(database_url) as database:
        commands = [
            command
            for operation in Operation
            for command in wanted(operation, world, COMMANDS, stage.seed)
        ]
        preload(place.amqp_url, commands)
        settings = load({"DATABASE_URL": database_url, "AMQP_URL": place.amqp_url})
        with _noted(database, found):
            async with working(database, settings):
                due = sum(len(SAID[command.operation]) for command in commands)
                await until_said(place.amqp_url, due)
    return found


async def explain(database_url: str, asked: Asked) -> list[Explained]:
    """How PostgreSQL would carry out these statements now."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        large = await _large_tables(connection)
        found = []
        for (sql, _), parameters in asked.items():
            if name := _names().get(sql.split("\n", 1)[0]):
                told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {sql}", *parameters)
                found.append(_read(name, json.loads(told)[0]["Plan"], large))
        return found
    finally:
        await connection.close()


async def whole_reads(database_url: str) -> Counter[str]:
    """How often each table that is large by now was read from end to end so far."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    try:
        rows = await connection.fetch(
            "SELECT relname, seq_scan FROM pg_stat_user_tables WHERE relname = ANY($1)",
            sorted(await _large_tables(connection)),
        )
    finally:
        await connection.close()
    return Counter({row["relname"]: row["seq_scan"] for row in rows})


@contextmanager
def _noted(database: Database, found: Asked) -> Iterator[None]:
    """Keeps each statement with the parameters with which it was asked last."""

    def note(_connection: object, _cursor: object, sql: str, parameters: Any, *_: object) -> None:
        found[sql, tuple(item is None for item in parameters)] = parameters

    engine = database.engine.sync_engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield
    finally:
        event.remove(engine, "before_cursor_execute", note)


async def _large_tables(connection: asyncpg.Connection) -> frozenset[str]:
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= $1", LARGE_ROWS
    )
    return frozenset(row["relname"] for row in rows)


@cache
def _names() -> dict[str, str]:
    """The worker's statements by their first lines."""
    folder = files("worker.shell.database") / "sql"
    return {
        item.read_text(encoding="utf-8").split("\n", 1)[0]: item.name.removesuffix(".sql")
        for item in folder.iterdir()
        if item.name.endswith(".sql")
    }


def _read(name: str, plan: Mapping[str, Any], large: frozenset[str]) -> Explained:
    nodes = [node for node in _nodes(plan) if "Relation Name" in node or "Index Name" in node]
    whole = [
        node["Relation Name"]
        for node in nodes
        if node["Node Type"] == SEQUENTIAL and node["Relation Name"] in large
    ]
    return Explained(name, tuple(dict.fromkeys(map(_told, nodes))), tuple(whole))


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _told(node: Mapping[str, Any]) -> str:
    parts = (node["Node Type"], node.get("Relation Name"), node.get("Index Name"))
    return " ".join(part for part in parts if part)
