"""The dead letters by reason: what workers counted, and what the commands took out again."""

import json
from functools import partial

from activation_contracts.topology import DEAD_LETTER_QUEUE
from aio_pika import Message

from tests.support.command_line import Invoke
from tests.support.faults.lossy import until_any, until_none
from tests.support.platform import Platform
from tests.support.workers import rows, store, working
from worker.broker.connecting.connection import connect, ready_by_queue
from worker.cli.exits import Exit
from worker.settings import Settings
from worker.storage.connecting.engine import Database
from worker.storage.gauges import measure
from worker.telemetry.metrics import Metrics

COUNTED = "SELECT 1 FROM queued_dead_letters WHERE letters > 0"

REASON = ("--by", "Ada", "--why", "a test")


async def unrouted(platform: Platform, body: bytes) -> None:
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    await exchange.publish(Message(body), "phone_number.dance")


async def dead_letters(database: Database, settings: Settings) -> dict[str, float]:
    """The gauge of the dead-letter queue, without the reasons of which there is none."""
    metrics = Metrics(partial(measure, database))
    async with await connect(settings.amqp_urls) as connection:
        metrics.queue_depths(await ready_by_queue(connection, [DEAD_LETTER_QUEUE]))
    await metrics.render()
    return {
        sample.labels["code"]: sample.value
        for family in metrics.registry.collect()
        if family.name == "activation_worker_dead_letters"
        for sample in family.samples
        if sample.value
    }


async def test_dead_letters_are_counted_by_reason_with_those_of_the_broker(
    database: Database, settings: Settings, platform: Platform, invoke: Invoke
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"nonsense")
        await platform.send_raw(b"more nonsense")
        await until_any(database, "SELECT 1 FROM queued_dead_letters WHERE letters = 2")
    await unrouted(platform, b"the broker's")
    with_the_brokers = await dead_letters(database, settings)

    letters = json.loads((await invoke("dead-letters", "list", "--json")).stdout)
    key, _ = (letter["key"] for letter in letters if letter["code"] == "NOT_JSON")
    discarded = await invoke("dead-letters", "discard", key, "--yes", *REASON)

    assert discarded.exit_code == Exit.DONE, discarded.output
    assert with_the_brokers == {"NOT_JSON": 2, "broker": 1}
    assert await dead_letters(database, settings) == {"NOT_JSON": 1, "broker": 1}


NOT_COUNTED = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$;
CREATE TRIGGER refuse BEFORE UPDATE ON queued_dead_letters EXECUTE FUNCTION refuse();
"""


async def test_a_dead_letter_that_cannot_be_uncounted_stays_and_no_act_is_recorded(
    database: Database, settings: Settings, platform: Platform, invoke: Invoke
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"nonsense")
        await until_any(database, COUNTED)
    await store(database, NOT_COUNTED)

    discarded = await invoke("dead-letters", "discard", "--all", "--yes", *REASON)

    assert discarded.exit_code != Exit.DONE
    assert await dead_letters(database, settings) == {"NOT_JSON": 1}
    assert await rows(database, "SELECT act FROM acts") == []


async def test_counts_are_forgotten_when_somebody_has_purged_the_queue(
    database: Database, settings: Settings, platform: Platform
) -> None:
    async with working(database, settings):
        await platform.send_raw(b"nonsense")
        await until_any(database, COUNTED)
    queue = await platform.channel.get_queue(DEAD_LETTER_QUEUE, ensure=False)
    await queue.purge()
    async with working(database, settings):
        await until_none(database, COUNTED)

    assert await rows(database, "SELECT * FROM queued_dead_letters") == []
