"""The worker's resident memory: flat over many commands, bounded whatever the messages weigh."""

import asyncio
from functools import partial

from contracts.values import Operation
from tests.benchmarks.broker import OUTPUTS, preload
from tests.benchmarks.contestants import running, worker
from tests.benchmarks.cycle import Plan
from tests.benchmarks.cycling import cycled, sampled
from tests.benchmarks.figures import Figure, at_most
from tests.benchmarks.samples import until_said
from tests.benchmarks.sizes import Size
from tests.benchmarks.stage import Stage
from tests.benchmarks.wanted import wanted
from tests.benchmarks.worlds import World, build

NUMBERS = 10_000
GROWTH, MEBIBYTES = 1.1, 150
LARGEST_PADDING, HUGE_PADDING = 65_000, 1 << 20
DEAD_LETTERS = "telephony.phone_number.commands.dead_letter"
TEMPLATE = "memory"
SUBJECT = "memory"


async def measure(stage: Stage, size: Size) -> list[Figure]:
    """The same numbers again and again; then a backlog of large messages."""
    world = World(NUMBERS)
    await stage.template(TEMPLATE, partial(build, world=world))
    return [*await _over_time(stage, size, world), *await _large(stage, size, world)]


async def _over_time(stage: Stage, size: Size, world: World) -> list[Figure]:
    plan = Plan(world, stage.seed, size.memory_commands, NUMBERS)
    async with stage.place(TEMPLATE) as place:
        run = await cycled(stage, place, plan)
    warm = [used for at, used in run.memory if at <= run.course.warm_at][-1]
    later = [used for at, used in run.memory if at > run.course.warm_at]
    count = f"{size.memory_commands:,} commands"
    stage.tell(f"memory, {count}: {warm:.1f} MiB when warm, {later[-1]:.1f} MiB in the end")
    stage.memory[count] = run.memory
    return [
        Figure(SUBJECT, f"after a tenth of {count}", warm, "MiB"),
        Figure(SUBJECT, f"after {count}", later[-1], "MiB", at_most(MEBIBYTES)),
        Figure(SUBJECT, "the most in between", max(later), "MiB", at_most(MEBIBYTES)),
        Figure(SUBJECT, "in the end / after a tenth", later[-1] / warm, "times", at_most(GROWTH)),
        Figure(SUBJECT, "rate meanwhile", run.course.commands_a_second, "commands/s"),
    ]


async def _large(stage: Stage, size: Size, world: World) -> list[Figure]:
    """The largest that are read, and such as are put away unread."""
    found = []
    for kind, count, padding, queues, said in (
        ("64 KiB", size.large_messages, LARGEST_PADDING, OUTPUTS, 2),
        ("1 MiB", size.huge_messages, HUGE_PADDING, (DEAD_LETTERS,), 1),
    ):
        commands = wanted(Operation.ACTIVATE, world, count, stage.seed)
        async with stage.place(TEMPLATE) as place:
            await asyncio.to_thread(preload, place.amqp_url, commands, padding)
            log = stage.folder / "worker.log"
            async with running(worker(), place.environment, log) as pid, sampled(pid) as memory:
                await until_said(place.amqp_url, count * said, queues)
        most = max(used for _, used in memory)
        name = f"the most with {count:,} commands of {kind} waiting"
        stage.tell(f"memory, {name}: {most:.1f} MiB")
        found.append(Figure(SUBJECT, name, most, "MiB", at_most(MEBIBYTES)))
    return found
