"""Which plans PostgreSQL chooses for what the worker really asks, on a large database.

A worker in this process carries out commands and is measured, as its metrics are; each of its
statements is then explained under the settings of its sessions. These ask for the generic plan,
which is one for all parameters and made once in a session: so it is explained with none, and no
other is ever used. They also forbid to read a table from end to end where any index could serve;
what still reads one whole, or all of an index, has no index that could. Beside that, PostgreSQL's
own counters tell whether any large table was read from end to end during all of a benchmark.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg

from contracts.values import Operation
from tests.benchmarks.asking import Asked, noted
from tests.benchmarks.broker import preload
from tests.benchmarks.samples import until_said
from tests.benchmarks.stage import Stage
from tests.benchmarks.wanted import SAID, wanted
from tests.benchmarks.worlds import World
from tests.support.workers import working
from worker.settings import load
from worker.storage.engine import SERVER_SETTINGS, open_database
from worker.storage.gauges import measure
from worker.telemetry.logs import configure

COMMANDS = 40
LARGE_ROWS = 20_000
SEQUENTIAL = "Seq Scan"
LARGE = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= $1"
PARTIAL = "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
"""Such an index holds what is under way and no more."""


class NotGeneric(Exception):
    """What was explained is not the plan that the worker's sessions use."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A statement, and how it is carried out."""

    statement: str
    steps: tuple[str, ...]
    """Every access to a table."""
    read_whole: tuple[str, ...]
    """The large tables that are read from end to end, or by all of an index."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What must be known of a database to judge a plan."""

    large_tables: frozenset[str]
    partial_indexes: frozenset[str]


async def asked(stage: Stage, database_url: str, world: World) -> Asked:
    """Every statement of a worker that activates and deactivates, and is measured."""
    configure(sys.stderr, format="json", level="WARNING")
    async with stage.beside(database_url) as place, open_database(database_url) as database:
        commands = [
            command
            for operation in Operation
            for command in wanted(operation, world, COMMANDS, stage.seed)
        ]
        preload(place.amqp_url, commands)
        settings = load({"DATABASE_URL": database_url, "AMQP_URL": place.amqp_url})
        with noted() as found:
            async with working(database, settings):
                due = sum(len(SAID[command.operation]) for command in commands)
                await until_said(place.amqp_url, due)
            await measure(database)
    return found


async def explain(database_url: str, asked: Asked) -> list[Explained]:
    """How PostgreSQL would carry out these statements now, in a session of the worker's."""
    connection = await asyncpg.connect(
        database_url.replace("+asyncpg", ""), server_settings=SERVER_SETTINGS
    )
    try:
        known = Snapshot(await _large_tables(connection), await _partial_indexes(connection))
        return [
            _read(name, await _generic_plan(connection, sql), known) for name, sql in asked.items()
        ]
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


async def _generic_plan(connection: asyncpg.Connection, sql: str) -> Mapping[str, Any]:
    # The driver's own way to pass parameters would have them planned for: EXPLAIN takes none.
    await connection.execute(f"PREPARE explained AS {sql}")
    try:
        count = await connection.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements"
            " WHERE name = 'explained'"
        )
        values = f"({', '.join(['NULL'] * count)})" if count else ""
        told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{values}")
        generic = await connection.fetchval(
            "SELECT generic_plans = 1 AND custom_plans = 0 FROM pg_prepared_statements"
            " WHERE name = 'explained'"
        )
    finally:
        await connection.execute("DEALLOCATE explained")
    if not generic:
        raise NotGeneric(sql)
    plan: Mapping[str, Any] = json.loads(told)[0]["Plan"]
    return plan


async def _large_tables(connection: asyncpg.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in await connection.fetch(LARGE, LARGE_ROWS))


async def _partial_indexes(connection: asyncpg.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in await connection.fetch(PARTIAL))


def _read(name: str, plan: Mapping[str, Any], known: Snapshot) -> Explained:
    nodes = list(_nodes(plan))
    steps = [_told(node) for node in nodes if "Relation Name" in node or "Index Name" in node]
    whole = [node["Relation Name"] for node in nodes if _reads_all(node, known)]
    return Explained(name, tuple(dict.fromkeys(steps)), tuple(dict.fromkeys(whole)))


def _reads_all(node: Mapping[str, Any], known: Snapshot) -> bool:
    if node.get("Relation Name") not in known.large_tables:
        return False
    by_all_of_an_index = (
        "Index Name" in node
        and "Index Cond" not in node
        and node["Index Name"] not in known.partial_indexes
    )
    return node["Node Type"] == SEQUENTIAL or by_all_of_an_index


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _told(node: Mapping[str, Any]) -> str:
    parts = (node["Node Type"], node.get("Relation Name"), node.get("Index Name"))
    return " ".join(part for part in parts if part)
