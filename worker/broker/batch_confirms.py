"""Many publications in one write, each with a confirm of its own.

The library makes of every message a task, two futures, a lock and a timeout: that was four tenths
of all the worker's time. Its channel still counts the confirms and the returned messages, and still
fails whatever is open when it closes.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from aiormq import Channel
from aiormq.abc import ChannelFrame

from worker.broker.frames import Publication, framed

if TYPE_CHECKING:
    import asyncio

__all__ = ["Confirm", "ConfirmBatch", "publish_together"]


class Confirm:
    """What the broker says of one message: what the library needs of a future, and no more.

    A future for each, with its callbacks, was a twelfth of all the worker's time.
    """

    __slots__ = ("_error", "_is_done", "_message_id", "_wave")

    def __init__(self, wave: "ConfirmBatch", message_id: str) -> None:
        self._wave = wave
        self._message_id = message_id
        self._is_done = False
        self._error: BaseException | None = None

    def done(self) -> bool:
        """Whether anything was said."""
        return self._is_done

    def cancelled(self) -> bool:
        """Never: nobody can."""
        return False

    def set_result(self, _said: object) -> None:
        """The broker has it."""
        self._is_done = True
        self._wave.settle(self._message_id)

    def set_exception(self, error: BaseException) -> None:
        """The broker refused or returned it, or it was never written."""
        self._error = error
        self.set_result(None)

    def result(self) -> None:
        """Nothing, where the broker has it; raises why it has not, or why nobody can say."""
        if self._error is not None:
            raise self._error
        if not self._is_done:
            self._wave.known.result()


class ConfirmBatch:
    """Messages that were written together."""

    def __init__(self, channel: Channel) -> None:
        self.known: asyncio.Future[None] = channel.create_future()
        """Done when all are confirmed; failed by the library when its channel closes before."""
        self.confirms: list[Confirm] = []
        """In the order of the messages."""
        self._tags = channel.message_id_delivery_tag
        self._open = 0

    @property
    def open_confirms(self) -> list[Confirm]:
        """Those of which nothing was said."""
        return [confirm for confirm in self.confirms if not confirm.done()]

    def expect(self, message_id: str) -> Confirm:
        """A confirm for one more message."""
        confirm = Confirm(self, message_id)
        self.confirms.append(confirm)
        self._open += 1
        return confirm

    def settle(self, message_id: str) -> None:
        """One less is open."""
        self._tags.pop(message_id, None)
        self._open -= 1
        if not self._open and not self.known.done():
            self.known.set_result(None)


async def publish_together(channel: Channel, publications: Sequence[Publication]) -> ConfirmBatch:
    """Writes all of them, at least one, in this order; some confirms may be failed already.

    What cannot be said in AMQP fails with a `ValueError` and is not written. Raises
    `ChannelInvalidStateError` where the channel is closed: nothing is written.
    """
    written = bytearray()
    async with channel.lock:
        wave = ConfirmBatch(channel)
        failed = list(_add(channel, publications, wave, written))
        if written:
            payload = ChannelFrame(payload=bytes(written), should_close=False)
            await channel.write_queue.put(payload)
    for confirm, error in failed:
        confirm.set_exception(error)
    return wave


def _add(
    channel: Channel, publications: Sequence[Publication], wave: ConfirmBatch, written: bytearray
) -> Iterator[tuple[Confirm, Exception]]:
    for publication in publications:
        message_id = publication.properties.message_id or ""
        confirm = wave.expect(message_id)
        try:
            written += framed(publication, channel.number, channel.max_content_size)
        except ValueError as error:
            yield confirm, error
            continue
        channel.delivery_tag += 1
        channel.confirmations[channel.delivery_tag] = cast("asyncio.Future[object]", confirm)
        channel.message_id_delivery_tag[message_id] = channel.delivery_tag
