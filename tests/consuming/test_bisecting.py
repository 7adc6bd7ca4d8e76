"""A batch is halved until the message is alone that the database can never store."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

import asyncpg

from worker.consuming.batch_processor import BatchProcessor
from worker.consuming.batch_reader import Incoming
from worker.consuming.batches import Batch
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

BAD = "bad"


class RefusingHandler:
    """A handler whose database refuses each batch with the bad message."""

    messages: Mapping[str, Any] = {}

    def __init__(self) -> None:
        self.stored: list[str] = []

    async def handle_batch(self, _session: object, batch: Sequence[Any]) -> None:
        if any(incoming.message == BAD for incoming in batch):
            raise asyncpg.DataError("it can never be stored")

    def after_commit(self, batch: Sequence[Any], _result: None, _committed_at: datetime) -> None:
        self.stored += [incoming.message for incoming in batch]


class Surroundings:
    """What reads, stores, tracks poison and dead-letters for the processor."""

    def __init__(self) -> None:
        self.dead: list[str] = []

    def read_all(self, batch: Batch) -> Sequence[Any]:
        return [Incoming(item, cast("Any", item)) for item in batch.deliveries]

    async def transact(self, work: Any, *, retry_forever: bool) -> Any:
        assert not retry_forever
        return await work(None)

    async def clear(self, _session: object, _deliveries: object) -> None:
        """No attempt was counted."""

    def put(self, delivery: Any, code: str, _detail: str) -> None:
        self.dead.append(f"{delivery} {code}")


async def test_the_bad_message_is_dead_lettered_and_each_halving_is_counted() -> None:
    metrics, handler, around = Metrics(), RefusingHandler(), Surroundings()
    reporter = Reporter(metrics)
    processor = BatchProcessor(
        cast("Any", handler),
        cast("Any", around),
        cast("Any", around),
        poison=cast("Any", around),
        dead_letters=cast("Any", around),
        reporter=reporter,
        tracing=reporter.tracing.of_queue("commands"),
    )
    good = [f"good-{place}" for place in range(7)]

    stored = await processor.process(Batch(cast("Any", [*good[:2], BAD, *good[2:]])))

    assert handler.stored == good == [*cast("Any", stored)]
    assert around.dead == [f"{BAD} CANNOT_BE_STORED"]
    # Of 8 messages to 4, 2 and 1.
    assert metrics.registry.get_sample_value("activation_worker_batch_bisects_total") == 3
