import asyncio
from asyncio.subprocess import PIPE
from pathlib import Path

import aio_pika
import pytest
from pamqp.common import FieldTable

from tests.local.leftovers import processes_of, until_nothing_is_left_of
from worker.broker.connecting.connection import BrokerRefused, BrokerUnavailable, connect
from worker.local import PrivateRabbitMQ

QUORUM: FieldTable = {"x-queue-type": "quorum"}


async def publish(url: str) -> None:
    async with await connect([url]) as connection:
        channel = await connection.channel()
        await channel.declare_queue("kept", durable=True, arguments=QUORUM)
        message = aio_pika.Message(b"kept", delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "kept")


async def waiting(url: str) -> bytes:
    # Just after a start the count of a quorum queue can be wrong; a get is right.
    async with await connect([url]) as connection:
        channel = await connection.channel()
        queue = await channel.get_queue("kept", ensure=False)
        message = await queue.get(timeout=10)
        await message.reject(requeue=True)
        return message.body


def listening_addresses(port: int) -> set[str]:
    lines = [
        line.split()
        for name in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{name}").read_text(encoding="ascii").splitlines()[1:]
    ]
    listening = [line[1].split(":") for line in lines if line[3] == "0A"]
    return {address for address, number in listening if int(number, 16) == port}


async def test_guest_can_use_a_virtual_host_until_it_is_deleted(
    rabbitmq: PrivateRabbitMQ,
) -> None:
    url = await rabbitmq.create_virtual_host("one/of these")
    await publish(url)
    await rabbitmq.delete_virtual_host("one/of these")
    with pytest.raises(BrokerRefused):
        await publish(url)
    await rabbitmq.delete_virtual_host("one/of these")


async def test_private_rabbitmq_listens_on_loopback_only(rabbitmq: PrivateRabbitMQ) -> None:
    loopback = {"0100007F", "0" * 24 + "01000000"}
    for port in rabbitmq.ports:
        assert listening_addresses(port)
        assert listening_addresses(port) <= loopback


@pytest.mark.campaign
async def test_control_runs_rabbitmqctl(rabbitmq: PrivateRabbitMQ) -> None:
    await rabbitmq.control("set_vm_memory_high_watermark", "0.0001")
    assert "memory" in await rabbitmq.control("eval", "rabbit_alarm:get_alarms().")
    await rabbitmq.control("set_vm_memory_high_watermark", "0.4")
    assert "memory" not in await rabbitmq.control("eval", "rabbit_alarm:get_alarms().")


async def test_the_folder_has_a_rabbitmqctl_for_any_terminal(rabbitmq: PrivateRabbitMQ) -> None:
    process = await asyncio.create_subprocess_exec(
        *(str(rabbitmq.control_program), "eval", 'io:format("~p ~s", [node(), "a b"]).'),
        env={},
        stdout=PIPE,
    )
    output, _ = await process.communicate()

    assert process.returncode == 0
    assert output.endswith(b"@localhost' a bok\n")


@pytest.mark.campaign
async def test_rabbitmq_keeps_confirmed_messages_and_its_ports_after_a_kill(
    rabbitmq: PrivateRabbitMQ, lasting_folder: Path
) -> None:
    url = rabbitmq.url
    await publish(url)
    await rabbitmq.settle()

    await rabbitmq.kill()
    assert not processes_of(lasting_folder)
    with pytest.raises(BrokerUnavailable):
        await waiting(url)
    await rabbitmq.start()
    assert await waiting(url) == b"kept"


@pytest.mark.campaign
async def test_rabbitmq_starts_on_the_messages_of_an_earlier_run(
    folder: Path,
) -> None:
    async with PrivateRabbitMQ.started(folder) as first:
        await publish(first.url)
        assert processes_of(folder)
    await until_nothing_is_left_of(folder)
    async with PrivateRabbitMQ.started(folder, keep=False) as second:
        assert await waiting(second.url) == b"kept"
