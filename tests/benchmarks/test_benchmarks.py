"""Runs the parts of the benchmark in small: results are verified, speed is not."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from activation_contracts.examples import EXAMPLES
from activation_contracts.values import Operation

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.sizes import QUICK
from tests.benchmarks.data.verification import WrongRun, verify
from tests.benchmarks.data.workload import EXPECTED, plan_commands
from tests.benchmarks.peers import schema
from tests.benchmarks.reporting import chart, floors, report
from tests.benchmarks.reporting.figures import (
    MET,
    MISSED,
    Figure,
    at_least,
    at_most,
    percentile,
    trimmed_mean,
)
from tests.benchmarks.reporting.machine import machine
from tests.benchmarks.reporting.report import Result
from tests.benchmarks.running import cycle_client, samples
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.cycle_runs import run_cycle
from tests.benchmarks.running.implementations import (
    AIO_PIKA,
    AIO_PIKA_RELAY,
    AIO_PIKA_TWO_COMMITS,
    FASTSTREAM,
    FASTSTREAM_RELAY,
    FASTSTREAM_TWO_COMMITS,
    Implementation,
    batched_probe,
    probe,
    worker,
)
from tests.benchmarks.running.latency_client import Plan, Section
from tests.benchmarks.running.queue_run import run_full_queue
from tests.benchmarks.subjects import directory, latency, plans
from tests.benchmarks.subjects.partition_model import PartCosts, modelled
from tests.benchmarks.subjects.partition_runs import Case, run_partitions
from tests.benchmarks.subjects.statements import query_name
from tests.support.faults.amqp_wire import Delivery
from tests.support.quick import parametrize_quick
from worker.local import PrivateServers
from worker.storage.queries import query

DATASET = Dataset(plain=400, in_full_use=100, accounts=10)
WORKERS, PEERS = "benchmark_workers", "benchmark_peers"
COMMANDS = 100
PAGE = Path(__file__).parents[2] / "worker/docs/performance.md"


@pytest.fixture(scope="session")
async def bench(servers: PrivateServers, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    made = Bench(servers, tmp_path_factory.mktemp("benchmark"), seed=1)
    await made.template(WORKERS, partial(build, dataset=DATASET))
    await made.template(PEERS, partial(schema.build, dataset=DATASET), migrated=False)
    return made


@pytest.fixture(scope="session")
async def recorded(bench: Bench) -> Path:
    return await samples.record(bench, WORKERS, DATASET)


async def _run(
    bench: Bench, template: str, implementation: Implementation, operation: Operation
) -> None:
    async with bench.fresh_database(template) as endpoints:
        commands = plan_commands(operation, DATASET, COMMANDS, bench.seed)
        await run_full_queue(bench, endpoints, implementation, commands)


@pytest.mark.campaign
async def test_worker_and_probes_publish_the_expected_messages(
    bench: Bench, recorded: Path
) -> None:
    await _run(bench, WORKERS, probe(recorded), Operation.ACTIVATE)
    for implementation in (worker(), batched_probe(recorded)):
        await _run(bench, WORKERS, implementation, Operation.DEACTIVATE)


# Both libraries and all variants; the long test run has the other combinations.
@parametrize_quick(
    "peer",
    [FASTSTREAM, AIO_PIKA_TWO_COMMITS, FASTSTREAM_RELAY],
    quick=1,
    ids=lambda peer: peer.name,
)
async def test_peers_publish_the_expected_messages(bench: Bench, peer: Implementation) -> None:
    await _run(bench, PEERS, peer, Operation.ACTIVATE)


@pytest.mark.benchmark
@pytest.mark.parametrize(
    "peer", [AIO_PIKA, FASTSTREAM_TWO_COMMITS, AIO_PIKA_RELAY], ids=lambda peer: peer.name
)
async def test_other_peers_publish_the_expected_messages(
    bench: Bench, peer: Implementation
) -> None:
    await _run(bench, PEERS, peer, Operation.ACTIVATE)


@pytest.mark.benchmark
async def test_latency_client_times_every_command_of_every_section(bench: Bench) -> None:
    sections = (Section("one at a time", 5), Section("100/s", 20, 100))
    plan = Plan(DATASET, seed=1, sections=sections)
    times = await latency.time_sections(bench, WORKERS, worker(), plan)
    assert {name: len(of_name) for name, of_name in times.items()} == {
        "one at a time": 5,
        "100/s": 20,
    }


@pytest.mark.benchmark
async def test_directory_messages_are_all_applied_beside_commands(bench: Bench) -> None:
    size = replace(QUICK, latency_seconds=0.2, directory_rounds=2)
    figures = {figure.name: figure.value for figure in await directory.measure(bench, size)}
    assert len(figures) == 8
    assert 0 < figures["directory messages, stored / published"] <= 1


@pytest.mark.benchmark
async def test_cycle_activates_and_deactivates_the_same_numbers(bench: Bench) -> None:
    plan = cycle_client.Plan(DATASET, seed=1, commands=100, numbers=20)
    async with bench.fresh_database(WORKERS) as endpoints:
        run = await run_cycle(bench, endpoints, plan)
    assert run.timing.counted == pytest.approx(90, abs=10)
    assert run.memory


async def test_no_statement_of_the_worker_reads_a_large_table_whole(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "LARGE_ROWS", COMMANDS)
    async with bench.fresh_database(WORKERS) as endpoints:
        statements = await plans.record_statements(bench, endpoints.database_url, DATASET)
        explained = await plans.explain(endpoints.database_url, statements)
        whole_reads = await plans.whole_reads(endpoints.database_url)
    found = {item.statement: item for item in explained}
    assert {"load_for_commands", "load_messages", "save_advances"} <= set(found)
    assert {"phone_numbers", "hunt_group_members", "handset_logins"} <= set(whole_reads)
    assert +whole_reads == {}
    assert {item.statement: item.read_whole for item in explained if item.read_whole} == {}
    assert any("phone_numbers" in step for step in found["save_advances"].steps)


async def test_explain_finds_sequential_scans_and_scans_of_a_whole_index(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "LARGE_ROWS", 400)
    statements = {
        "no index": "SELECT FROM phone_numbers WHERE label = $1::text",
        "whole index": "SELECT phone_number FROM phone_numbers ORDER BY phone_number",
        "index": "SELECT FROM phone_numbers WHERE phone_number = $1::text",
    }
    async with bench.fresh_database(WORKERS) as endpoints:
        explained = await plans.explain(endpoints.database_url, statements)
    assert [bool(item.read_whole) for item in explained] == [True, True, False]


@pytest.mark.benchmark
async def test_workers_share_the_partitions(bench: Bench) -> None:
    case = Case(2, 2)
    commands = plan_commands(Operation.ACTIVATE, DATASET, COMMANDS, bench.seed)
    run = await run_partitions(bench, case, WORKERS, commands)
    assignments = sorted(
        assignment for share in run.shares for assignment in share.name.split(" and ")
    )
    assert assignments == ["0", "1", "router"]
    assert len(run.shares) == case.workers
    assert run.in_sessions > 0


def test_model_is_limited_by_the_part_that_is_fully_used_first() -> None:
    few, many = modelled(PartCosts(partition=0.5, router=0.1, broker=0.2, database=0.2), (2, 16))
    assert (few.commands_a_second, few.limited_by) == (4000, "the partitions")
    assert (many.commands_a_second, many.limited_by) == (10_000, "the router")
    assert dict(many.cores) == {
        "the partitions": 5,
        "the router": 1,
        "the broker": 2,
        "the database": 2,
    }


def test_query_name_is_found_in_truncated_sql() -> None:
    assert query_name(query("save_advances").sql[:1000]) == "save_advances"
    assert query_name("COMMIT;") == "COMMIT;"


def test_verify_rejects_missing_and_repeated_messages() -> None:
    commands = plan_commands(Operation.ACTIVATE, DATASET, 2, seed=1)
    received = [
        _delivery(command.command_id, kind)
        for command in commands
        for kind in EXPECTED[Operation.ACTIVATE]
    ]
    verify(commands, received)
    with pytest.raises(WrongRun, match="missing: 1"):
        verify(commands, received[1:])
    with pytest.raises(WrongRun, match="unexpected: 1"):
        verify(commands, [*received, received[0]])
    broken = received[0]._replace(body=received[0].body.replace(b'"sequence"', b'"place"'))
    with pytest.raises(WrongRun, match=r'breaks the contracts: .*"sequence" is a required'):
        verify(commands, [broken, *received[1:]])


def test_verdicts_and_percentiles() -> None:
    figure = Figure("growth", "ratio", 0.9, "times", at_least(0.9))
    assert figure.verdict == MET
    assert replace(figure, floor=at_most(0.8)).verdict == MISSED
    assert [percentile(range(1, 101), percent) for percent in (50, 95, 99)] == [50, 95, 99]
    assert percentile([7], 99) == 7


def test_trimmed_mean_ignores_outliers() -> None:
    assert trimmed_mean([0.9, 1.0, 0.01]) == pytest.approx(0.9)
    assert trimmed_mean([1.0] * 14 + [0.01, 100.0]) == pytest.approx(1.0)
    assert trimmed_mean([0.5, 0.5, 0.5, 0.5, 2.0, 2.0, 2.0, 2.0]) == pytest.approx(1.0)


def test_performance_page_shows_every_floor() -> None:
    rows = {
        name: floor
        for name, floor, *_ in (
            [cell.strip() for cell in line.strip("|\n ").split("|")]
            for line in PAGE.read_text(encoding="utf-8").splitlines()
            if line.startswith("|")
        )
        if floor.startswith(("at least", "at most"))
    }
    expected = {
        "worker / probe, activate": floors.PROBE[Operation.ACTIVATE],
        "worker / probe, deactivate": floors.PROBE[Operation.DEACTIVATE],
        "worker / peers with one commit": floors.PEER,
        "lone command, worker / probe": floors.LONE_COMMAND,
        "growth ratios, the lowest": floors.GROWTH,
        "resident size, the highest": floors.RESIDENT_MEBIBYTES,
        "resident size, at the end / after a tenth": floors.FLAT_MEMORY,
        "statements that read a large table whole": floors.TABLES_READ_WHOLE,
        "busy sessions that wait for another worker": floors.BUSY_WAITING_PERCENT,
        "start, worker / imports and connections": floors.START,
    }
    for name, floor in expected.items():
        unit = {"MiB": " MiB", "%": " %"}.get(_unit(name), "")
        assert rows[name] == f"{floor.direction} {floor.value:g}{unit}", name


def _unit(name: str) -> str:
    if name == "resident size, the highest":
        return "MiB"
    return "%" if name.startswith("busy sessions") else ""


def test_report_and_chart_show_every_figure(tmp_path: Path) -> None:
    figures = [
        Figure("throughput, activate", "worker", 2000, "commands/s"),
        Figure("latency", "worker, one at a time, p95", 5, "ms"),
        Figure("memory", "growth", 1.2, "times", at_most(1.1)),
    ]
    result = Result(
        1, quick=True, date="2026-01-01", machine=machine(), versions={}, figures=figures
    )
    chart.draw(result, tmp_path / "chart.svg")
    assert "growth" in (tmp_path / "chart.svg").read_text()
    assert [item["verdict"] for item in json.loads(report.to_json(result))["figures"]] == [
        "shown",
        "shown",
        MISSED,
    ]


def _delivery(command_id: str, status: str) -> Delivery:
    event = json.loads(EXAMPLES["telephony.phone_number.status_changed.v1"].encode())
    event["data"] |= {"command_id": command_id, "status": status}
    return Delivery("events", 1, redelivered=False, properties=b"", body=json.dumps(event).encode())
