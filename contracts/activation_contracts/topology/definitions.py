"""The topology as definitions that RabbitMQ imports, for brokers that no worker has prepared."""

from dataclasses import dataclass
from typing import Any, Final

from activation_contracts.topology.queues import (
    EVENT_LOG_DAYS,
    EXCHANGES,
    QUEUES,
    Binding,
    Exchange,
    Queue,
    event_log,
)
from activation_contracts.topology.roles import USERS

__all__ = [
    "DEFAULT_VIRTUAL_HOST",
    "rabbitmq_definitions",
    "rabbitmq_permissions",
    "rabbitmq_users",
]

DEFAULT_VIRTUAL_HOST: Final = "/"

_QUEUES: Final = (*QUEUES, event_log(EVENT_LOG_DAYS))


def rabbitmq_definitions(virtual_host: str = DEFAULT_VIRTUAL_HOST) -> dict[str, Any]:
    """What the worker declares at its start, in the format of `rabbitmqctl import_definitions`.

    Without users, permissions and policies, and without the virtual host, because an import could
    change the settings of one that exists.
    The broker skips exchanges and queues that exist, and does not compare their arguments.
    """
    definitions = _VirtualHost(virtual_host)
    return {
        "exchanges": [definitions.exchange(exchange) for exchange in EXCHANGES],
        "queues": [definitions.queue(queue) for queue in _QUEUES],
        "bindings": [
            definitions.binding(queue, binding) for queue in _QUEUES for binding in queue.bindings
        ],
    }


def rabbitmq_users() -> dict[str, Any]:
    """The users of a deployment, in the same format.

    None has a password, so that none can log in before it gets one. An import takes away the
    passwords of users that exist: these definitions are for the first time.
    """
    return {
        "users": [
            {
                "name": user.name,
                "password_hash": "",
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["management"] if user.can_see_policies else [],
            }
            for user in USERS
        ]
    }


def rabbitmq_permissions(virtual_host: str = DEFAULT_VIRTUAL_HOST) -> dict[str, Any]:
    """What these users may do, in the same format; a later import replaces it."""
    return {
        "permissions": [
            {
                "user": user.name,
                "vhost": virtual_host,
                "configure": user.configure,
                "write": user.write,
                "read": user.read,
            }
            for user in USERS
        ]
    }


@dataclass(frozen=True, slots=True)
class _VirtualHost:
    name: str

    def exchange(self, exchange: Exchange) -> dict[str, Any]:
        return {
            "name": exchange.name,
            "vhost": self.name,
            "type": exchange.kind,
            "durable": True,
            "auto_delete": False,
            "internal": False,
            "arguments": dict(exchange.arguments),
        }

    def queue(self, queue: Queue) -> dict[str, Any]:
        return {
            "name": queue.name,
            "vhost": self.name,
            "durable": True,
            "auto_delete": False,
            "arguments": dict(queue.arguments),
        }

    def binding(self, queue: Queue, binding: Binding) -> dict[str, Any]:
        return {
            "source": binding.exchange,
            "vhost": self.name,
            "destination": queue.name,
            "destination_type": "queue",
            "routing_key": binding.routing_key,
            "arguments": {},
        }
