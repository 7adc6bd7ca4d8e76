"""The depths of the queues: looked at, and nothing taken out."""

from activation_contracts.topology import DEAD_LETTER_QUEUE

from tests.support.platform import Platform
from worker.broker.connecting.connection import connect, ready_by_queue
from worker.settings import Settings

PBX_QUEUE = "pbx.extension-reset"


async def test_queues_are_measured_and_missing_ones_are_left_out(
    settings: Settings, platform: Platform
) -> None:
    await platform.send_raw(b"first", "dance")
    async with await connect(settings.amqp_urls) as connection:
        looks = [
            await ready_by_queue(connection, ["missing", DEAD_LETTER_QUEUE, "gone", PBX_QUEUE])
            for _ in range(3)
        ]
    letter = await platform.dead_letter()

    assert looks == [{DEAD_LETTER_QUEUE: 1, PBX_QUEUE: 0}] * 3
    assert not letter.redelivered
    assert letter.headers.get("x-delivery-count", 0) == 0
