"""Explains the statements of a worker on a large database.

A worker in this process handles commands, and its metrics are read once; then each recorded
statement is explained under the settings of the worker's sessions. These force the generic plan, so
that one plan without parameter values is the one that is used. They also forbid sequential scans
where an index can serve: a statement that still reads a whole table, or a whole index, has no
suitable index. PostgreSQL's own counters show sequential scans during the whole benchmark.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import Dataset
from tests.benchmarks.data.workload import EXPECTED, plan_commands
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.broker import preload
from tests.benchmarks.running.samples import wait_for_outputs
from tests.benchmarks.subjects.statements import Statements, recorded_statements
from tests.support.workers import working
from worker.settings import load
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session_setup import SESSION_SETTINGS
from worker.storage.gauges import measure
from worker.telemetry.logs import configure

COMMANDS = 40
LARGE_ROWS = 20_000
SEQUENTIAL = "Seq Scan"
LARGE = "SELECT relname FROM pg_class WHERE relkind = 'r' AND reltuples >= $1"
PARTIAL = "SELECT indexrelid::regclass::text FROM pg_index WHERE indpred IS NOT NULL"
"""A partial index holds only what is under way, so reading all of it is cheap."""


class NotGeneric(Exception):
    """The explained plan is not the generic one, which the worker's sessions use."""


@dataclass(frozen=True, slots=True)
class Explained:
    """A statement and its plan."""

    statement: str
    steps: tuple[str, ...]
    """Each access to a table or index."""
    read_whole: tuple[str, ...]
    """The large tables that are read completely, by a sequential scan or through a whole index."""


@dataclass(frozen=True, slots=True)
class Schema:
    """The facts about a database that are needed to judge a plan."""

    large_tables: frozenset[str]
    partial_indexes: frozenset[str]


async def record_statements(bench: Bench, database_url: str, dataset: Dataset) -> Statements:
    """Every statement of a worker that activates and deactivates, and of the database gauges."""
    configure(sys.stderr, format="json", level="WARNING")
    async with (
        bench.fresh_queues(database_url) as endpoints,
        open_database(database_url) as database,
    ):
        commands = [
            command
            for operation in Operation
            for command in plan_commands(operation, dataset, COMMANDS, bench.seed)
        ]
        preload(endpoints.amqp_url, commands)
        settings = load({"DATABASE_URL": database_url, "AMQP_URL": endpoints.amqp_url})
        with recorded_statements() as found:
            async with working(database, settings):
                due = sum(len(EXPECTED[command.operation]) for command in commands)
                await wait_for_outputs(endpoints.amqp_url, due)
            await measure(database)
    return found


async def explain(database_url: str, statements: Statements) -> list[Explained]:
    """The plans of these statements, in a session with the worker's settings."""
    connection = await asyncpg.connect(
        database_url.replace("+asyncpg", ""), server_settings=SESSION_SETTINGS
    )
    try:
        schema = Schema(await _large_tables(connection), await _partial_indexes(connection))
        return [
            _read(name, await _generic_plan(connection, sql), schema)
            for name, sql in statements.items()
        ]
    finally:
        await connection.close()


async def whole_reads(database_url: str) -> Counter[str]:
    """The number of sequential scans of each large table until now."""
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
    # As a prepared statement of the server: EXPLAIN takes no parameters from the driver.
    await connection.execute(f"PREPARE explained AS {sql}")
    try:
        count = await connection.fetchval(
            "SELECT cardinality(parameter_types) FROM pg_prepared_statements"
            " WHERE name = 'explained'"
        )
        values = f"({', '.join(['NULL'] * count)})" if count else ""
        explained = await connection.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE explained{values}")
        generic = await connection.fetchval(
            "SELECT generic_plans = 1 AND custom_plans = 0 FROM pg_prepared_statements"
            " WHERE name = 'explained'"
        )
    finally:
        await connection.execute("DEALLOCATE explained")
    if not generic:
        raise NotGeneric(sql)
    plan: Mapping[str, Any] = json.loads(explained)[0]["Plan"]
    return plan


async def _large_tables(connection: asyncpg.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in await connection.fetch(LARGE, LARGE_ROWS))


async def _partial_indexes(connection: asyncpg.Connection) -> frozenset[str]:
    return frozenset(row[0] for row in await connection.fetch(PARTIAL))


def _read(name: str, plan: Mapping[str, Any], schema: Schema) -> Explained:
    nodes = list(_nodes(plan))
    steps = [_describe(node) for node in nodes if "Relation Name" in node or "Index Name" in node]
    whole = [node["Relation Name"] for node in nodes if _reads_all(node, schema)]
    return Explained(name, tuple(dict.fromkeys(steps)), tuple(dict.fromkeys(whole)))


def _reads_all(node: Mapping[str, Any], schema: Schema) -> bool:
    if node.get("Relation Name") not in schema.large_tables:
        return False
    through_whole_index = (
        "Index Name" in node
        and "Index Cond" not in node
        and node["Index Name"] not in schema.partial_indexes
    )
    return node["Node Type"] == SEQUENTIAL or through_whole_index


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _describe(node: Mapping[str, Any]) -> str:
    parts = (node["Node Type"], node.get("Relation Name"), node.get("Index Name"))
    return " ".join(part for part in parts if part)
