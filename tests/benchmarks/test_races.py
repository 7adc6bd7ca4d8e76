"""The benchmark in small: everybody says what must be said, and nobody is asked how fast."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from contracts.values import Operation
from tests.benchmarks import latency, picture, plans, report, samples
from tests.benchmarks.asking import recognised
from tests.benchmarks.contestants import (
    AIO_PIKA,
    AIO_PIKA_IN_TWO,
    AIO_PIKA_RELAY,
    FASTSTREAM,
    FASTSTREAM_IN_TWO,
    FASTSTREAM_RELAY,
    Contestant,
    pipelined_probe,
    probe,
    worker,
)
from tests.benchmarks.cycle import Plan
from tests.benchmarks.cycling import cycled
from tests.benchmarks.figures import MET, MISSED, Figure, at_least, at_most, middle, percentile
from tests.benchmarks.ledger import WrongRun, verify
from tests.benchmarks.machine import machine
from tests.benchmarks.partition_model import Measured, modelled
from tests.benchmarks.partition_runs import Case, partitioned, template_of
from tests.benchmarks.peers import schema
from tests.benchmarks.race import race
from tests.benchmarks.report import Result
from tests.benchmarks.stage import Stage
from tests.benchmarks.stopwatch import Plan as Loads
from tests.benchmarks.stopwatch import Section
from tests.benchmarks.wanted import SAID, wanted
from tests.benchmarks.worlds import World, build
from tests.support.amqp_wire import Delivery
from worker.local import PrivateServers
from worker.storage.queries import query

WORLD = World(plain=400, in_full_use=100, accounts=10)
WORKERS, PEERS = "benchmark_workers", "benchmark_peers"
COMMANDS = 100


@pytest.fixture(scope="session")
async def stage(servers: PrivateServers, tmp_path_factory: pytest.TempPathFactory) -> Stage:
    made = Stage(servers, tmp_path_factory.mktemp("benchmark"), seed=1)
    await made.template(WORKERS, partial(build, world=WORLD))
    await made.template(PEERS, partial(schema.build, world=WORLD), migrated=False)
    return made


@pytest.fixture(scope="session")
async def recorded(stage: Stage) -> Path:
    return await samples.record(stage, WORKERS, WORLD)


async def _raced(stage: Stage, template: str, contestant: Contestant, operation: Operation) -> None:
    async with stage.place(template) as place:
        commands = wanted(operation, WORLD, COMMANDS, stage.seed)
        await race(stage, place, contestant, commands)


async def test_the_worker_and_the_probes_say_what_must_be_said(
    stage: Stage, recorded: Path
) -> None:
    await _raced(stage, WORKERS, probe(recorded), Operation.ACTIVATE)
    for contestant in (worker(), pipelined_probe(recorded)):
        await _raced(stage, WORKERS, contestant, Operation.DEACTIVATE)


# Both frameworks and each of the ways; the other pairs take their time in the long run of tests.
@pytest.mark.parametrize(
    "peer", [FASTSTREAM, AIO_PIKA_IN_TWO, FASTSTREAM_RELAY], ids=lambda peer: peer.name
)
async def test_the_peers_say_what_must_be_said(stage: Stage, peer: Contestant) -> None:
    await _raced(stage, PEERS, peer, Operation.ACTIVATE)


@pytest.mark.benchmark
@pytest.mark.parametrize(
    "peer", [AIO_PIKA, FASTSTREAM_IN_TWO, AIO_PIKA_RELAY], ids=lambda peer: peer.name
)
async def test_the_other_peers_say_it_too(stage: Stage, peer: Contestant) -> None:
    await _raced(stage, PEERS, peer, Operation.ACTIVATE)


@pytest.mark.benchmark
async def test_every_command_of_every_load_is_timed(stage: Stage) -> None:
    sections = (Section("one at a time", 5), Section("100/s", 20, 100))
    times = await latency.timed(stage, WORKERS, worker(), Loads(WORLD, 1, sections))
    assert {name: len(of_name) for name, of_name in times.items()} == {
        "one at a time": 5,
        "100/s": 20,
    }


@pytest.mark.benchmark
async def test_a_cycle_puts_numbers_into_use_and_out_of_it(stage: Stage) -> None:
    plan = Plan(WORLD, seed=1, commands=100, numbers=20)
    async with stage.place(WORKERS) as place:
        run = await cycled(stage, place, plan)
    assert run.course.counted == pytest.approx(90, abs=10)
    assert run.memory


async def test_what_the_worker_asks_is_explained(stage: Stage) -> None:
    async with stage.place(WORKERS) as place:
        asked = await plans.asked(stage, place.database_url, WORLD)
        explained = await plans.explain(place.database_url, asked)
        whole_reads = await plans.whole_reads(place.database_url)
    found = {item.statement: item for item in explained}
    assert {"load_for_commands", "load_messages", "save_advances"} <= set(found)
    assert {"phone_numbers", "hunt_group_members", "handset_logins"} <= set(whole_reads)
    assert +whole_reads == {}
    assert {item.statement: item.read_whole for item in explained if item.read_whole} == {}
    assert any("phone_numbers" in step for step in found["save_advances"].steps)


async def test_what_reads_a_table_whole_is_named(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plans, "LARGE_ROWS", 400)
    wholly = {
        "no index": "SELECT FROM phone_numbers WHERE label = $1::text",
        "all of an index": "SELECT phone_number FROM phone_numbers ORDER BY phone_number",
        "neither": "SELECT FROM phone_numbers WHERE phone_number = $1::text",
    }
    async with stage.place(WORKERS) as place:
        explained = await plans.explain(place.database_url, wholly)
    assert [bool(item.read_whole) for item in explained] == [True, True, False]


@pytest.mark.benchmark
async def test_partitions_share_the_work(stage: Stage) -> None:
    case = Case(2, 2)
    template = await template_of(stage, WORLD, case.partitions)
    commands = wanted(Operation.ACTIVATE, WORLD, COMMANDS, stage.seed)
    run = await partitioned(stage, case, template, commands)
    assignments = sorted(
        assignment for share in run.shares for assignment in share.name.split(" and ")
    )
    assert assignments == ["0", "1", "router"]
    assert len(run.shares) == case.workers
    assert run.in_sessions > 0


def test_the_part_that_is_fully_used_first_limits_all_partitions() -> None:
    few, many = modelled(Measured(partition=0.5, router=0.1, broker=0.2, database=0.2), (2, 16))
    assert (few.commands_a_second, few.limited_by) == (4000, "the partitions")
    assert (many.commands_a_second, many.limited_by) == (10_000, "the router")
    assert dict(many.cores) == {
        "the partitions": 5,
        "the router": 1,
        "the broker": 2,
        "the database": 2,
    }


def test_a_query_that_a_server_shows_is_recognised_by_its_name() -> None:
    assert recognised(query("save_advances").sql[:1000]) == "save_advances"
    assert recognised("COMMIT;") == "COMMIT;"


def test_a_run_that_says_too_little_or_too_much_is_wrong() -> None:
    commands = wanted(Operation.ACTIVATE, WORLD, 2, seed=1)
    heard = [
        _delivery(command.command_id, word)
        for command in commands
        for word in SAID[Operation.ACTIVATE]
    ]
    verify(commands, heard)
    with pytest.raises(WrongRun, match="missing: 1"):
        verify(commands, heard[1:])
    with pytest.raises(WrongRun, match="too much: 1"):
        verify(commands, [*heard, heard[0]])


def test_verdicts_and_percentiles() -> None:
    figure = Figure("growth", "ratio", 0.9, "times", at_least(0.9))
    assert figure.verdict == MET
    assert replace(figure, limit=at_most(0.8)).verdict == MISSED
    assert [percentile(range(1, 101), percent) for percent in (50, 95, 99)] == [50, 95, 99]
    assert percentile([7], 99) == 7


def test_a_round_that_the_machine_spoilt_does_not_count() -> None:
    assert middle([0.9, 1.0, 0.01]) == pytest.approx(0.9)
    assert middle([1.0] * 14 + [0.01, 100.0]) == pytest.approx(1.0)
    assert middle([0.5, 0.5, 0.5, 0.5, 2.0, 2.0, 2.0, 2.0]) == pytest.approx(1.0)


def test_the_report_and_the_picture_show_every_figure(tmp_path: Path) -> None:
    figures = [
        Figure("throughput, activate", "worker", 2000, "commands/s"),
        Figure("latency", "worker, one at a time, p95", 5, "ms"),
        Figure("memory", "growth", 1.2, "times", at_most(1.1)),
    ]
    result = Result(
        1, quick=True, date="2026-01-01", machine=machine(), versions={}, figures=figures
    )
    picture.draw(result, tmp_path / "picture.svg")
    assert "growth" in (tmp_path / "picture.svg").read_text()
    assert [item["verdict"] for item in json.loads(report.written(result))["figures"]] == [
        "shown",
        "shown",
        MISSED,
    ]


def _delivery(command_id: str, status: str) -> Delivery:
    body = json.dumps({"type": "any", "data": {"command_id": command_id, "status": status}})
    return Delivery("events", 1, redelivered=False, properties=b"", body=body.encode())
