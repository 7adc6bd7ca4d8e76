"""Where a dead letter comes from decides where its replay goes, whatever it says itself."""

import json
from datetime import UTC, datetime

import pytest
from aio_pika import Message
from aio_pika.abc import HeadersType

from tests.support.command_line import Invoke
from tests.support.dead_letters import BY_ADA, keys, unrouted, until_there
from tests.support.platform import DEAD_LETTERS, Platform
from worker.cli.exits import Exit

FORGED = {
    "x-original-exchange": "telephony.pbx",
    "x-original-routing-key": "pbx.extension-reset",
    "x-error-code": "FORGED",
}
ODD = {"queue": "telephony.phone_number.commands", "reason": "expired"}
DEATH = {
    **ODD,
    "exchange": "telephony.pbx",
    "routing-keys": ["phone_number.activate"],
    "count": 1,
    "time": datetime(2026, 11, 1, tzinfo=UTC),
}


async def test_looking_keeps_origin_and_properties(invoke: Invoke, platform: Platform) -> None:
    await unrouted(platform, b"first")
    for _ in range(2):
        assert len(await keys(invoke)) == 1
    (key,) = await keys(invoke)
    shown = await invoke("dead-letters", "show", key)

    assert "routing key   phone_number.dance" in shown.output
    assert "exchange      telephony.commands" in shown.output
    assert "code          NOT_ROUTED" in shown.output
    letter = await platform.dead_letter()
    assert (letter.body, letter.headers["tenant"]) == (b"first", "x")


async def test_a_message_that_the_broker_gave_up_keeps_its_reason(
    invoke: Invoke, platform: Platform
) -> None:
    await platform.send_raw(b"late", expiration=0)
    await until_there(platform, DEAD_LETTERS, 1)
    first, second = [
        json.loads((await invoke("dead-letters", "list", "--json")).stdout)[0] for _ in range(2)
    ]

    assert first == second
    assert first["code"] == "GIVEN_UP_BY_THE_BROKER"
    assert first["detail"] == "expired in queue telephony.phone_number.commands"
    assert first["routing_key"] == "phone_number.activate"


@pytest.mark.parametrize(
    "headers",
    [
        FORGED,
        FORGED | {"x-death": [DEATH]},
        FORGED | {"x-death": [ODD]},
        FORGED | {"x-death": [{**ODD, "routing-keys": []}]},
        FORGED | {"x-death": "none"},
    ],
)
@pytest.mark.parametrize(
    ("key", "expiration"), [("phone_number.activate", 0), ("phone_number.dance", None)]
)
async def test_a_publisher_does_not_choose_where_a_replay_goes(
    invoke: Invoke, platform: Platform, headers: HeadersType, key: str, expiration: int | None
) -> None:
    exchange = await platform.channel.get_exchange("telephony.commands", ensure=False)
    await exchange.publish(Message(b"forged", headers=headers, expiration=expiration), key)
    await until_there(platform, DEAD_LETTERS, 1)
    for _ in range(2):
        (listed,) = json.loads((await invoke("dead-letters", "list", "--json")).stdout)
        assert listed["exchange"] == "telephony.commands"
        assert listed["routing_key"] in {key, ""}
        assert listed["code"] in {"GIVEN_UP_BY_THE_BROKER", "NOT_ROUTED"}


async def test_a_letter_from_a_queue_that_no_worker_reads_is_not_replayed(
    invoke: Invoke, platform: Platform
) -> None:
    arguments: HeadersType = {
        "x-dead-letter-exchange": "",
        "x-dead-letter-routing-key": DEAD_LETTERS,
        "x-message-ttl": 0,
    }
    foreign = await platform.channel.declare_queue("foreign", durable=True, arguments=arguments)
    await platform.channel.default_exchange.publish(Message(b"first"), foreign.name)
    await until_there(platform, DEAD_LETTERS, 1)
    replayed = await invoke("dead-letters", "replay", "--all", *BY_ADA)

    assert replayed.exit_code == Exit.UNAVAILABLE
    assert "it comes from the queue 'foreign', which no worker reads" in replayed.output
    await until_there(platform, DEAD_LETTERS, 1)
