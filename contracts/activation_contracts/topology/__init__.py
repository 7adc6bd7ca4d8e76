"""What the broker has for these messages: exchanges, queues and bindings, and who may use them.

All of it is derived from the catalogue. `definitions` has the same in RabbitMQ's own format, for
brokers that no worker has prepared.
"""

from activation_contracts.topology.queues import (
    DEAD_LETTER_EXCHANGES,
    DEAD_LETTER_QUEUE,
    EVENT_LOG,
    EVENT_LOG_DAYS,
    EXCHANGES,
    QUEUES,
    QUORUM,
    UNKEPT_COMMANDS,
    UNROUTED_COMMANDS,
    UNROUTED_DIRECTORY,
    UNROUTED_RESULTS,
    Argument,
    Binding,
    Exchange,
    Queue,
    event_log,
)

__all__ = [
    "DEAD_LETTER_EXCHANGES",
    "DEAD_LETTER_QUEUE",
    "EVENT_LOG",
    "EVENT_LOG_DAYS",
    "EXCHANGES",
    "QUEUES",
    "QUORUM",
    "UNKEPT_COMMANDS",
    "UNROUTED_COMMANDS",
    "UNROUTED_DIRECTORY",
    "UNROUTED_RESULTS",
    "Argument",
    "Binding",
    "Exchange",
    "Queue",
    "event_log",
]
