"""The worker and its servers in one command: nothing else is needed, nothing is left behind."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import click

from worker.servers import PrivateServers
from worker.shell import app
from worker.shell.commands import declare_topology, migrate_database
from worker.shell.importing import import_lines
from worker.shell.settings import Settings, load

__all__ = ["prepared", "run_standalone"]


async def run_standalone(
    environment: Mapping[str, str], folder: Path | None, records: Iterable[bytes | str] | None
) -> None:
    """Starts both servers, prepares them and runs the worker until it is asked to stop."""
    async with PrivateServers.started(folder) as servers:
        settings = await prepared(servers, environment, records)
        click.echo(f"export AMQP_URL={servers.rabbitmq.url}")
        click.echo(f"export DATABASE_URL={servers.postgresql.url}")
        await app.run(settings)


async def prepared(
    servers: PrivateServers, environment: Mapping[str, str], records: Iterable[bytes | str] | None
) -> Settings:
    """Settings for a worker on these servers, which are migrated, declared and filled."""
    own = {"AMQP_URL": servers.rabbitmq.url, "DATABASE_URL": servers.postgresql.url}
    settings = load({**environment, **own})
    await migrate_database(settings)
    await declare_topology(settings)
    if records is not None:
        await import_lines(settings.database_url, records)
    return settings
