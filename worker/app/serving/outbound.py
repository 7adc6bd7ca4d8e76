"""Messages out: the outbox of a partition, and the loop that publishes it."""

from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from worker.app.loops import publish
from worker.app.serving.term import Term
from worker.consuming.consumer import Consumer
from worker.relay.key_ordered_publisher import KeyOrderedPublisher
from worker.relay.outbox import Outbox
from worker.relay.process_manager import ProcessManager
from worker.storage.partitions import LONG_AGO

__all__ = ["Outbound", "outbound_of"]


class Outbound(NamedTuple):
    """An outbox, and the loop that publishes it."""

    outbox: Outbox
    loop: Callable[[], Coroutine[Any, Any, None]]


async def outbound_of(term: Term, stack: AsyncExitStack, results: Consumer | None) -> Outbound:
    """The relay of a partition. `results` is the consumer of the PBX results, if it is here."""
    worker = term.worker
    publisher = await stack.enter_async_context(worker.session.publishing())
    process_manager = ProcessManager(
        term.leadership,
        partition=term.assignment.partition,
        partitions=term.assignment.layout.partitions,
        policy=worker.settings.policy,
        clock=worker.clock,
        reporter=worker.reporter,
        results_read_until=partial(_results_read_until, term, results),
    )
    outbox = Outbox(
        term.leadership,
        partition=term.assignment.partition,
        clock=worker.clock,
        is_blocked=publisher.is_blocked,
        sweep=process_manager.advance_due,
        sweep_interval_seconds=worker.settings.sweep_interval_seconds,
    )
    worker.relays.outboxes.add(outbox)
    stack.callback(worker.relays.outboxes.discard, outbox)
    in_key_order = KeyOrderedPublisher(publisher, worker.reporter, partial(_redeclare, term))
    return Outbound(outbox, partial(_relay, outbox, in_key_order, process_manager))


async def _relay(
    outbox: Outbox, publisher: KeyOrderedPublisher, process_manager: ProcessManager
) -> None:
    await process_manager.release_steps()
    await publish(outbox, publisher, process_manager)


def _results_read_until(term: Term, results: Consumer | None, now: datetime) -> datetime:
    if results is not None:
        return now if results.has_caught_up else LONG_AGO
    return min(now, term.leadership.results_read_until)


def _redeclare(term: Term, reason: str) -> None:
    # A new session declares the topology. If the settings forbid that, the relay retries until
    # an administrator has created the exchange.
    if term.worker.settings.declare_topology:
        term.worker.session.fail(reason)
