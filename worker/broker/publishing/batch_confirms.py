"""Publishes many messages in one write and waits once for all their confirms.

Only this module relies on how an aiormq channel confirms: on its `lock`, `write_queue`,
`delivery_tag`, `confirmations` and `message_id_delivery_tag`. The library's own
`basic_publish` creates a task, two futures, a lock and a timeout for every message, which took 40 %
of the worker's time. The channel still matches confirms and returned messages to publications, and
still fails all open confirms when it closes.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from aiormq import Channel
from aiormq.abc import ChannelFrame

from worker.broker.publishing.publication import Publication

if TYPE_CHECKING:
    import asyncio

__all__ = ["Confirm", "ConfirmBatch", "publish_batch"]


class Confirm:
    """The confirm of one message, with the part of a future's interface that the library uses."""

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
        """Always False: a confirm cannot be cancelled."""
        return False

    def set_result(self, _result: object) -> None:
        """Records that the broker has the message."""
        self._is_done = True
        self._batch.settle(self._message_id)

    def set_exception(self, error: BaseException) -> None:
        """Records why the message was nacked, returned or never written."""
        self._error = error
        self.set_result(None)

    def result(self) -> None:
        """Returns if the broker has the message; raises why it has not, or why that is unknown."""
        if self._error is not None:
            raise self._error
        if not self._is_done:
            self._batch.settled.result()


class ConfirmBatch:
    """The confirms of messages that were written together."""

    def __init__(self, channel: Channel) -> None:
        self.settled: asyncio.Future[None] = channel.create_future()
        """Done when all are answered; the library fails it when the channel closes earlier."""
        self.confirms: list[Confirm] = []
        """In the order of the messages."""
        self._tags = channel.message_id_delivery_tag
        self._open = 0

    @property
    def open_confirms(self) -> list[Confirm]:
        """The confirms that the broker has not answered."""
        return [confirm for confirm in self.confirms if not confirm.done()]

    def expect(self, message_id: str) -> Confirm:
        """Adds a confirm for another message."""
        confirm = Confirm(self, message_id)
        self.confirms.append(confirm)
        self._open += 1
        return confirm

    def settle(self, message_id: str) -> None:
        """Counts one answer; completes `settled` with the last."""
        self._tags.pop(message_id, None)
        self._open -= 1
        if not self._open and not self.settled.done():
            self.settled.set_result(None)


async def publish_batch(channel: Channel, publications: Sequence[Publication]) -> ConfirmBatch:
    """Writes at least one publication, all in this order; some confirms may have failed already.

    A publication that AMQP cannot express is not written; its confirm fails with `ValueError`.
    Raises `ChannelInvalidStateError` if the channel is closed: then nothing is written.
    """
    frames = bytearray()
    async with channel.lock:
        batch = ConfirmBatch(channel)
        failed = list(_marshal(channel, publications, batch, frames))
        if frames:
            await channel.write_queue.put(ChannelFrame(payload=bytes(frames), should_close=False))
    for confirm, error in failed:
        confirm.set_exception(error)
    return batch


def _marshal(
    channel: Channel, publications: Sequence[Publication], batch: ConfirmBatch, frames: bytearray
) -> Iterator[tuple[Confirm, Exception]]:
    """Appends the frames and registers the confirms; yields those that cannot be encoded."""
    for publication in publications:
        message_id = publication.properties.message_id or ""
        confirm = batch.expect(message_id)
        try:
            frames += publication.marshal(channel.number, channel.max_content_size)
        except ValueError as error:
            yield confirm, error
            continue
        channel.delivery_tag += 1
        channel.confirmations[channel.delivery_tag] = cast("asyncio.Future[object]", confirm)
        channel.message_id_delivery_tag[message_id] = channel.delivery_tag
