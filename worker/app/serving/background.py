"""What a worker does beside the two loops: it watches, prunes, and publishes dead letters."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any, Final

from activation_contracts.topology import DEAD_LETTER_QUEUE

from worker.app.serving.inbound import Inbound
from worker.app.serving.term import Term
from worker.broker.connecting.connection import CONNECTION_ERRORS, ready_by_queue
from worker.broker.session import BrokerSession
from worker.consuming.consumer import Consumer
from worker.consuming.watchdog import watch_consumer
from worker.relay.dead_letter_relay import DeadLetterRelay
from worker.storage.entitlement import watch_entitlements
from worker.storage.partitions import record_results_read
from worker.storage.retention import prune

__all__ = ["background_tasks"]

RECORD_RESULTS_READ_SECONDS: Final = 1


def background_tasks(
    term: Term, inbounds: Iterable[Inbound], results: Consumer | None
) -> Iterator[Coroutine[Any, Any, None]]:
    """The tasks that run as long as the loops.

    What one worker does for all partitions runs where the PBX results are read.
    """
    worker = term.worker
    for inbound in inbounds:
        yield watch_consumer(inbound.consumer, worker.session, worker.settings.watchdog_seconds)
    if results is not None:
        yield _publish_dead_letters(term)
        yield prune(term.leadership, worker.clock, worker.settings.history_days)
        yield watch_entitlements(
            term.leadership,
            worker.clock,
            term.assignment.layout.partitions,
            worker.reporter.entitlements_changed,
        )
    if results is not None and term.assignment.is_router:
        yield _record_results_read(term, lambda: results.has_caught_up)


async def _publish_dead_letters(term: Term) -> None:
    worker = term.worker
    async with worker.session.confirm_channel() as channel:
        relay = DeadLetterRelay(
            term.leadership,
            channel,
            worker.reporter,
            worker.dead_letter_stored,
            is_queue_empty=partial(_is_dead_letter_queue_empty, worker.session),
        )
        await relay.run()


async def _is_dead_letter_queue_empty(session: BrokerSession) -> bool:
    with suppress(*CONNECTION_ERRORS):
        ready = await ready_by_queue(session.connections[0], [DEAD_LETTER_QUEUE])
        return ready.get(DEAD_LETTER_QUEUE) == 0
    return False


async def _record_results_read(term: Term, has_caught_up: Callable[[], bool]) -> None:
    # The relays of the partitions read it: other workers serve most of them.
    while True:
        if has_caught_up():
            now = term.worker.clock()
            await term.leadership.transact(partial(record_results_read, now=now))
        await asyncio.sleep(RECORD_RESULTS_READ_SECONDS)
