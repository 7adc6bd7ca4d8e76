"""A private RabbitMQ and a private PostgreSQL: for `standalone`, the demo and the tests."""

from worker.local.both import PrivateServers
from worker.local.installations import missing_servers
from worker.local.postgresql import PrivatePostgreSQL
from worker.local.rabbitmq import PrivateRabbitMQ
from worker.local.unavailable import ServerUnavailable

__all__ = [
    "PrivatePostgreSQL",
    "PrivateRabbitMQ",
    "PrivateServers",
    "ServerUnavailable",
    "missing_servers",
]
