"""Publishes many messages in one write and waits once for all their confirms.

This module is the only one that relies on the inner workings of aiormq: the channel's `lock`,
`write_queue`, `delivery_tag`, `confirmations` and `message_id_delivery_tag`. The library's own
`basic_publish` makes a task, two futures, a lock and a timeout for every message, which was four
tenths of the worker's whole time. The channel still counts the confirms and the returned messages,
and still fails whatever is open when it closes.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from aiormq import Channel
from aiormq.abc import ChannelFrame

from worker.broker.publication import Publication

if TYPE_CHECKING:
    import asyncio

__all__ = ["Confirm", "ConfirmBatch", "publish_batch"]


class Confirm:
    """The broker's answer to one message, with as much of a future as the library uses."""

    __slots__ = ("_batch", "_error", "_is_done", "_message_id")

    def __init__(self, batch: "ConfirmBatch", message_id: str) -> None:
        self._batch = batch
        self._message_id = message_id
        self._is_done = False
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether the broker has answered."""
        return self._is_done

    def cancelled(self) -> bool:
        """Never: a confirm cannot be cancelled."""
        return False

    def set_result(self, _result: object) -> None:
        """The broker has the message."""
        self._is_done = True
        self._batch.settle(self._message_id)

    def set_exception(self, error: BaseException) -> None:
        """The broker refused or returned the message, or it was never written."""
        self._error = error
        self.set_result(None)

    def result(self) -> None:
        """None where the broker has the message; raises why it has not, or why that is unknown."""
        if self._error is not None:
            raise self._error
        if not self._is_done:
            self._batch.settled.result()


class ConfirmBatch:
    """The confirms of messages that were written together."""

    def __init__(self, channel: Channel) -> None:
        self.settled: asyncio.Future[None] = channel.create_future()
        """Done when all are confirmed; failed by the library when its channel closes before."""
        self.confirms: list[Confirm] = []
        """In the order of the messages."""
        self._tags = channel.message_id_delivery_tag
        self._open = 0

    @property
    def open_confirms(self) -> list[Confirm]:
        """Those that the broker has not answered."""
        return [confirm for confirm in self.confirms if not confirm.done()]

    def expect(self, message_id: str) -> Confirm:
        """Adds a confirm for one more message."""
        confirm = Confirm(self, message_id)
        self.confirms.append(confirm)
        self._open += 1
        return confirm

    def settle(self, message_id: str) -> None:
        """Notes that one more is answered."""
        self._tags.pop(message_id, None)
        self._open -= 1
        if not self._open and not self.settled.done():
            self.settled.set_result(None)


async def publish_batch(channel: Channel, publications: Sequence[Publication]) -> ConfirmBatch:
    """Writes all of them, at least one, in this order; some confirms may have failed already.

    What AMQP cannot express fails with a `ValueError` and is not written. Raises
    `ChannelInvalidStateError` where the channel is closed: then nothing is written.
    """
    written = bytearray()
    async with channel.lock:
        batch = ConfirmBatch(channel)
        failed = list(_add(channel, publications, batch, written))
        if written:
            payload = ChannelFrame(payload=bytes(written), should_close=False)
            await channel.write_queue.put(payload)
    for confirm, error in failed:
        confirm.set_exception(error)
    return batch


def _add(
    channel: Channel, publications: Sequence[Publication], batch: ConfirmBatch, written: bytearray
) -> Iterator[tuple[Confirm, Exception]]:
    for publication in publications:
        message_id = publication.properties.message_id or ""
        confirm = batch.expect(message_id)
        try:
            written += publication.marshal(channel.number, channel.max_content_size)
        except ValueError as error:
            yield confirm, error
            continue
        channel.delivery_tag += 1
        channel.confirmations[channel.delivery_tag] = cast("asyncio.Future[object]", confirm)
        channel.message_id_delivery_tag[message_id] = channel.delivery_tag
