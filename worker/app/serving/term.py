"""What the parts that serve an assignment are built from."""

import asyncio
from dataclasses import dataclass

from worker.app.serving.relays import Relays
from worker.broker.session import BrokerSession
from worker.cluster.membership import Leadership
from worker.consuming.answering.replies import ReplyAddresses
from worker.core.partitions import Assignment
from worker.runtime.clock import Clock
from worker.settings import Settings
from worker.telemetry.reporter import Reporter

__all__ = ["Term", "WorkerContext"]


@dataclass(frozen=True, slots=True)
class WorkerContext:
    """The objects that all assignments of a worker share."""

    session: BrokerSession
    settings: Settings
    reporter: Reporter
    clock: Clock
    relays: Relays
    replies: ReplyAddresses
    dead_letter_stored: asyncio.Event
    """Set when this worker has stored a dead letter."""


@dataclass(frozen=True, slots=True)
class Term:
    """A term in which this worker serves an assignment."""

    assignment: Assignment
    leadership: Leadership
    worker: WorkerContext
