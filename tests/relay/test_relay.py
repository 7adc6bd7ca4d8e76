"""The relay's own life: it ends when it is asked to, whatever goes on around it."""

import asyncio

from worker.broker.connection import connect
from worker.broker.publisher import Publisher
from worker.relay.relay import Relay, Surroundings
from worker.runtime.clock import utc_now
from worker.settings import Settings
from worker.storage.engine import Database
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter


def told_nothing(_: str) -> None:
    raise AssertionError("every exchange is there")


async def test_it_ends_though_results_are_counted_all_the_time(
    database: Database, settings: Settings
) -> None:
    async with await connect(settings.amqp_urls) as connection:
        relay = Relay(
            database,
            Publisher(connection, 1, alone=set()),
            policy=settings.policy,
            clock=utc_now,
            reporter=Reporter(Metrics()),
            sweep_interval_seconds=60,
            around=Surroundings(0, told_nothing, lambda until: until),
        )
        relaying = asyncio.create_task(relay.run())

        async def results() -> None:
            while True:
                relay.follow(())
                await asyncio.sleep(0.005)

        counting = asyncio.create_task(results())
        await asyncio.sleep(0.1)
        relay.stop()
        try:
            await asyncio.wait_for(relaying, 10)
        finally:
            counting.cancel()
