"""Republishes the state of numbers, for subscribers that come late or have lost their queue."""

from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import NamedTuple
from uuid import uuid4

from activation_contracts.catalogue import definition_of
from activation_contracts.messages import ReportData, Snapshot
from pydantic import ValidationError

from worker.broker.connecting.connection import BrokerUnavailable, connect
from worker.broker.publishing.confirm_channel import (
    ChannelLost,
    ConfirmChannel,
    ExchangeNotFound,
    NotPublished,
    Unroutable,
)
from worker.broker.publishing.publication import publication_of
from worker.core.messages.snapshots import Origin, Selection, SnapshotFactory
from worker.operator.send import TopologyMissing
from worker.operator.validation_errors import explain
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.snapshots import NumbersAtOneMoment, open_snapshot

__all__ = ["InvalidSelection", "NothingToRepublish", "Republished", "republish"]


class InvalidSelection(Exception):
    """No number can match; the text names the option."""


class NothingToRepublish(Exception):
    """No number matches: nothing was published."""


class Republished(NamedTuple):
    """What was published."""

    numbers: int
    pages: int
    had_subscribers: bool
    """Whether a queue took each page."""


async def republish(settings: Settings, options: Mapping[str, str | None]) -> Republished:
    """Publishes the numbers to which all options apply as one snapshot; without any, all.

    The options are `number`, `account` and `site`. Raises `InvalidSelection`,
    `NothingToRepublish`, `TopologyMissing`, and `BrokerUnavailable`, which says how many pages
    were published before.
    """
    selection = _selection(options)
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(await connect(settings.amqp_urls))
        channel = ConfirmChannel(
            connection, settings.publish_timeout_seconds, waits_while_blocked=False
        )
        database = await stack.enter_async_context(open_database(settings.database_url))
        snapshot = await stack.enter_async_context(open_snapshot(database, selection))
        if not snapshot.numbers:
            raise NothingToRepublish("No such number is provisioned; nothing was published.")
        return await _publish(channel, selection, snapshot)


def _selection(options: Mapping[str, str | None]) -> Selection:
    given = Selection(options["number"], options["account"], options["site"])
    if given == Selection():
        return given
    try:
        ReportData.model_validate(given._asdict())
    except ValidationError as error:
        names = dict(zip(Selection._fields, ("number", "account", "site"), strict=True))
        raise InvalidSelection(
            "; ".join(f"--{names[str(item['loc'][0])]}: {explain(item)}" for item in error.errors())
        ) from None
    return given


async def _publish(
    channel: ConfirmChannel, selection: Selection, snapshot: NumbersAtOneMoment
) -> Republished:
    factory = SnapshotFactory(
        Origin.of_operator(str(uuid4())),
        selection,
        snapshot.as_of,
        numbers=snapshot.numbers,
        usage=snapshot.usage,
    )
    had_subscribers = True
    for page in range(1, factory.pages + 1):
        message = factory.page(page, await snapshot.read_page(page))
        try:
            had_subscribers &= await _publish_page(channel, message)
        except (NotPublished, BrokerUnavailable) as error:
            raise BrokerUnavailable(
                f"{error}; {page - 1} of {factory.pages} pages were published, so run the command"
                " again"
            ) from error
    return Republished(snapshot.numbers, factory.pages, had_subscribers)


async def _publish_page(channel: ConfirmChannel, page: Snapshot) -> bool:
    """Publishes the page; whether a queue took it."""
    definition = definition_of(Snapshot)
    publication = publication_of(
        page,
        exchange=definition.exchange,
        routing_key=definition.routing_key,
        correlation_id=page.correlationid,
    )
    (problem,) = await channel.publish([publication])
    verdict = problem.verdict() if isinstance(problem, ChannelLost) else problem
    if isinstance(verdict, ExchangeNotFound):
        raise TopologyMissing(f"{verdict}. Run `activation-worker topology`.")
    if verdict is not None and not isinstance(verdict, Unroutable):
        raise verdict
    return verdict is None
