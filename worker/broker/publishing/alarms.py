"""Alarms: a broker that is short of memory or disk reads nothing from those who publish."""

from typing import Final
from uuid import uuid4

from aio_pika.abc import AbstractConnection
from aiormq import spec

from worker.broker.publishing.publication import Publication

__all__ = ["ALARM", "is_blocked", "to_nobody"]

ALARM: Final = "it accepts no messages, because of an alarm: it is short of memory or disk"
NO_QUEUE: Final = "activation-worker.is-the-broker-blocked"


def is_blocked(connection: AbstractConnection) -> bool:
    """Whether the broker has said that an alarm keeps it from reading what is published.

    It says so only to a connection that publishes: see `to_nobody`.
    """
    if connection.is_closed or connection.transport is None:
        return False
    # The library only offers a coroutine that waits until the connection is unblocked. Its first
    # step shows whether it would wait.
    ready = connection.transport.connection.ready()
    try:
        ready.send(None)
    except StopIteration:
        return False
    ready.close()
    return True


def to_nobody() -> Publication:
    """A publication that the broker returns: its answer, or its silence, tells of an alarm."""
    return Publication("", NO_QUEUE, spec.Basic.Properties(message_id=uuid4().hex), b"")
