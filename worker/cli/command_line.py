"""The command `activation-worker`, with all of its subcommands."""

from typing import Final

import click

from worker.cli.commands.acts import acts, pause, resume, retention
from worker.cli.commands.contracts import contracts
from worker.cli.commands.dead_letters import dead_letters
from worker.cli.commands.entitlements import entitlements
from worker.cli.commands.importing import import_records, reconcile
from worker.cli.commands.manual_logouts import manual_logouts
from worker.cli.commands.numbers import pending, republish, resolve, send, show
from worker.cli.commands.outbox import outbox
from worker.cli.commands.partitions import partitions
from worker.cli.commands.preparing import check, migrate, topology
from worker.cli.commands.running import run, standalone
from worker.cli.exits import EXITS
from worker.cli.program import Program
from worker.runtime import signals

__all__ = ["main"]

COMMANDS: Final = (
    *(run, migrate, topology, check, import_records, reconcile),
    *(send, show, pending, resolve, manual_logouts, entitlements, republish),
    *(outbox, dead_letters, pause, resume, acts, retention),
    *(partitions, contracts, standalone),
)


@click.group(cls=Program, epilog=EXITS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="activation-worker")
@click.pass_context
def main(context: click.Context) -> None:
    """Activate and deactivate phone numbers: commands from RabbitMQ, state in PostgreSQL.

    AMQP_URL and DATABASE_URL name the servers.
    """
    # Signals end every command but this one, which stops in order once it has begun.
    if context.invoked_subcommand != run.name:
        signals.release()


for command in COMMANDS:
    main.add_command(command)
