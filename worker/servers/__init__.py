"""A private RabbitMQ and a private PostgreSQL: for `standalone`, the demo and the tests."""

from worker.servers.both import PrivateServers
from worker.servers.installations import missing_servers
from worker.servers.postgresql import PrivatePostgreSQL
from worker.servers.rabbitmq import PrivateRabbitMQ
from worker.servers.unavailable import ServerUnavailable

__all__ = [
    "PrivatePostgreSQL",
    "PrivateRabbitMQ",
    "PrivateServers",
    "ServerUnavailable",
    "missing_servers",
]
