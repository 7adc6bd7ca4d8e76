"""Publishes the worker's messages and reports the outcome of each."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Sequence
from uuid import uuid4

import aio_pika
from activation_contracts.envelope import CONTENT_TYPE
from aio_pika.abc import AbstractConnection, AbstractMessage
from aiormq import spec

from worker.broker.publishing.alarms import is_blocked, to_nobody
from worker.broker.publishing.confirm_channel import (
    ChannelLost,
    ConfirmChannel,
    NotPublished,
)
from worker.broker.publishing.publication import Publication, without_instructions
from worker.broker.publishing.replies import ReplyPublisher
from worker.runtime.concurrency import all_of
from worker.storage.outbox.messages import OutgoingMessage

__all__ = ["Publisher"]

Kind = tuple[str, str]
"""Exchange and first word of the routing key: messages of one kind share a queue."""


class Publisher:
    """Publishes outbox messages, each kind on a channel of its own, and any others on another.

    The broker closes a channel for one bad message and confirms none of the others in flight on it.
    The publisher then publishes each of them again, alone on the channel, to find the bad one.
    `published_alone` holds the positions of these messages. It outlives a publisher, because a bad
    message can also end the connection. Without `replies` it publishes no replies.
    """

    def __init__(
        self,
        connection: AbstractConnection,
        timeout_seconds: float,
        *,
        published_alone: set[int],
        waits_while_blocked: bool = True,
        replies: ReplyPublisher | None = None,
    ) -> None:
        def new_channel() -> ConfirmChannel:
            return ConfirmChannel(
                connection, timeout_seconds, waits_while_blocked=waits_while_blocked
            )

        self._connection = connection
        self._published_alone = published_alone
        self._channels: defaultdict[Kind, ConfirmChannel] = defaultdict(new_channel)
        self._others = new_channel()
        self._asking = new_channel()
        # Two of them may have the same message id, and a returned message is matched by it.
        self._sending = asyncio.Lock()
        self._replies = replies

    def is_blocked(self) -> bool:
        """Whether an alarm (memory or disk) keeps the broker from reading what is published."""
        return is_blocked(self._connection)

    async def ask_for_alarms(self) -> None:
        """Lets the broker say whether it is blocked, which it tells only those who publish.

        Returns when it reads again. Raises `BrokerUnavailable` if it does not answer.
        """
        await self._asking.publish([to_nobody()])

    async def publish(self, messages: Sequence[OutgoingMessage]) -> list[NotPublished | None]:
        """Publishes all of them, kinds side by side.

        Returns for each message why the broker has not confirmed it, or None. Waits while the
        broker is blocked. Raises `BrokerUnavailable` when the outcome is unknown: the messages may
        have arrived, and must be published again under the same ids.
        """
        kinds: defaultdict[Kind, list[OutgoingMessage]] = defaultdict(list)
        replies = []
        for message in messages:
            if message.exchange:
                kinds[message.exchange, message.routing_key.partition(".")[0]].append(message)
            else:
                replies.append(message)
        outcomes: dict[int, NotPublished | None] = {}
        await all_of(*(self._publish(kind, group, outcomes) for kind, group in kinds.items()))
        await self._reply(list(map(_publication, replies)))
        return [outcomes.get(message.position) for message in messages]

    async def send(self, message: AbstractMessage, *, exchange: str, routing_key: str) -> None:
        """Publishes any message (mandatory): to one recipient, and behind all earlier messages.

        So it ignores headers that name further recipients, and the priority. Raises `NotPublished`
        or `BrokerUnavailable`.
        """
        properties = message.properties
        properties.priority = None
        properties.headers = properties.headers and without_instructions(properties.headers)
        properties.message_id = properties.message_id or uuid4().hex
        await self.send_unchanged(Publication(exchange, routing_key, properties, message.body))

    async def send_unchanged(self, publication: Publication) -> None:
        """Publishes one that is complete already. Raises `NotPublished` or `BrokerUnavailable`."""
        async with self._sending:
            (problem,) = await self._others.publish([publication])
        if problem is not None:
            raise _verdict(problem)

    async def send_together(
        self, publications: Sequence[Publication]
    ) -> list[NotPublished | ChannelLost | None]:
        """Publishes complete ones in their order, no message id twice; like `ConfirmChannel`."""
        async with self._sending:
            return await self._others.publish(publications)

    async def reply(self, message: AbstractMessage, queue: str) -> None:
        """Publishes a message to a reply queue, without a confirm; raises no error of the broker.

        The requester may be gone, and has no other right to a reply than that the worker tries.
        """
        await self._reply([Publication("", queue, message.properties, message.body)])

    async def close(self) -> None:
        """Closes all channels."""
        for channel in (*self._channels.values(), self._others, self._asking):
            await channel.close()

    async def _reply(self, replies: Sequence[Publication]) -> None:
        if self._replies is not None:
            await self._replies.publish(replies)

    async def _publish(
        self,
        kind: Kind,
        messages: Sequence[OutgoingMessage],
        outcomes: dict[int, NotPublished | None],
    ) -> None:
        together: list[OutgoingMessage] = []
        alone: list[OutgoingMessage] = []
        for message in messages:
            (alone if message.position in self._published_alone else together).append(message)
        groups = deque([together, *([message] for message in alone)])
        while groups:
            group = groups.popleft()
            problems = await self._channels[kind].publish(list(map(_publication, group)))
            for message, problem in zip(group, problems, strict=True):
                if isinstance(problem, ChannelLost) and len(group) > 1:
                    self._published_alone.add(message.position)
                    groups.append([message])
                else:
                    outcomes[message.position] = None if problem is None else _verdict(problem)
                    self._published_alone.discard(message.position)


def _publication(message: OutgoingMessage) -> Publication:
    return Publication(
        message.exchange,
        message.routing_key,
        spec.Basic.Properties(
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=message.message_id,
            message_type=message.message_type,
            correlation_id=message.correlation_id,
            timestamp=message.decided_at,
        ),
        message.body,
    )


def _verdict(problem: NotPublished | ChannelLost) -> NotPublished:
    return problem.verdict() if isinstance(problem, ChannelLost) else problem
