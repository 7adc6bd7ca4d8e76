"""Measures commands at a steady rate, alone and beside directory messages, in turn."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from activation_contracts.catalogue import DIRECTORY_QUEUE

from tests.benchmarks.data.dataset import Dataset, build
from tests.benchmarks.data.records import numbers_stated
from tests.benchmarks.data.sizes import Size
from tests.benchmarks.reporting.figures import Figure, percentile
from tests.benchmarks.running import directory_client, latency_client
from tests.benchmarks.running.bench import Bench
from tests.benchmarks.running.broker import COMMANDS, wait_for_consumer
from tests.benchmarks.running.costs import Costs
from tests.benchmarks.running.directory_client import Stated
from tests.benchmarks.running.implementations import module, running, worker
from tests.benchmarks.running.latency_client import Section
from tests.benchmarks.running.processes import interactive_process

COMMANDS_A_SECOND = 500
MESSAGES_A_SECOND = 1000
PERCENTS = (50, 99)
SUBJECT = "directory"
TEMPLATE = "directory"


Ask = Callable[[], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Timed:
    """A section with commands."""

    milliseconds: list[float]
    """Of each command."""
    costs: Costs


@dataclass(frozen=True, slots=True)
class Measured:
    """Every section, by round, and how the directory messages went."""

    messages: int
    """In each section with directory messages."""
    alone: list[Timed] = field(default_factory=list)
    beside: list[Timed] = field(default_factory=list)
    stated: list[Stated] = field(default_factory=list)

    async def measure_alone(self, pid: int, command: Ask) -> None:
        """Runs a section with commands alone."""
        before = Costs.so_far(pid)
        self.alone.append(Timed(json.loads(await command()), Costs.so_far(pid).since(before)))

    async def measure_beside(self, pid: int, command: Ask, state: Ask) -> None:
        """Runs a section with commands and directory messages at once."""
        before = Costs.so_far(pid)
        times, stated = await asyncio.gather(command(), state())
        self.beside.append(Timed(json.loads(times), Costs.so_far(pid).since(before)))
        self.stated.append(Stated(**json.loads(stated)))


async def measure(bench: Bench, size: Size) -> list[Figure]:
    """Runs the rounds on one database; ratios are taken within a round, and their median."""
    commands = round(COMMANDS_A_SECOND * size.latency_seconds)
    messages = round(MESSAGES_A_SECOND * size.latency_seconds)
    rounds = size.directory_rounds
    # Commands activate plain numbers, directory messages are about numbers in full use.
    dataset = Dataset(plain=4 * rounds * commands, in_full_use=numbers_stated(rounds * messages))
    await bench.template(TEMPLATE, partial(build, dataset=dataset))
    section = Section("", commands, COMMANDS_A_SECOND)
    commanding = latency_client.Plan(dataset, bench.seed, (section,) * (2 * rounds))
    stating = directory_client.Plan(dataset, rounds, messages, MESSAGES_A_SECOND)
    measured = await _run(bench, commanding, stating)
    return list(_figures(measured))


async def _run(
    bench: Bench, commanding: latency_client.Plan, stating: directory_client.Plan
) -> Measured:
    measured = Measured(stating.messages)
    files = bench.folder / "commands.plan", bench.folder / "records.plan"
    commanding.write(files[0])
    stating.write(files[1])
    clients = (
        module("running.latency_client", files[0]),
        module("running.directory_client", files[1]),
    )
    async with (
        bench.fresh_database(TEMPLATE) as endpoints,
        running(worker(), endpoints.environment, bench.folder / "directory.log") as pid,
    ):
        for queue in (COMMANDS, DIRECTORY_QUEUE):
            await wait_for_consumer(endpoints.amqp_url, queue)
        async with (
            interactive_process(clients[0], endpoints.environment) as command,
            interactive_process(clients[1], endpoints.environment) as state,
        ):
            for number in range(stating.sections):
                # Whatever comes second in a round comes first in the next one.
                for alone in (True, False)[:: -1 if number % 2 else 1]:
                    if alone:
                        await measured.measure_alone(pid, command)
                    else:
                        await measured.measure_beside(pid, command, state)
                bench.log(f"directory: round {number + 1} of {stating.sections}")
    return measured


def _figures(measured: Measured) -> Iterator[Figure]:
    rates = f"{COMMANDS_A_SECOND} commands/s"
    beside = f"{rates} beside {MESSAGES_A_SECOND:,} directory messages/s"
    for name, sections in ((f"{rates} alone", measured.alone), (beside, measured.beside)):
        together = [time for section in sections for time in section.milliseconds]
        for percent in PERCENTS:
            yield Figure(SUBJECT, f"{name}, p{percent}", percentile(together, percent), "ms")
    for percent in PERCENTS:
        ratio = median(
            percentile(one.milliseconds, percent) / percentile(other.milliseconds, percent)
            for one, other in zip(measured.beside, measured.alone, strict=True)
        )
        yield Figure(SUBJECT, f"beside / alone, p{percent}", ratio, "times")
    keeps_up = median(item.seconds_published / item.seconds_stored for item in measured.stated)
    latest = max(item.seconds_stored - item.seconds_published for item in measured.stated)
    note = f"all stored {latest:.2f} s after the last was published, at the latest"
    yield Figure(SUBJECT, "directory messages, stored / published", keeps_up, "times", note=note)
    yield _cost(measured)


def _cost(measured: Measured) -> Figure:
    """What a directory message costs: the difference between the sections of a round."""
    differences = [
        one.costs.since(other.costs)
        for one, other in zip(measured.beside, measured.alone, strict=True)
    ]
    total, *parts = (
        median(map(part, differences)) * 1000 / measured.messages
        for part in (
            lambda costs: costs.total,
            lambda costs: costs.implementation,
            lambda costs: costs.broker,
            lambda costs: costs.database,
        )
    )
    note = " + ".join(f"{part:.2f}" for part in parts) + " (worker, broker, database)"
    return Figure(SUBJECT, "processor time for a directory message", total, "ms", note=note)
