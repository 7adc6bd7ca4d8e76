"""The command `activation-worker`, with all of its subcommands."""

from typing import Final

import click

from worker.cli.contracts import contracts
from worker.cli.dead_letters import dead_letters
from worker.cli.entitlements import entitlements
from worker.cli.exits import EXITS
from worker.cli.importing import import_records, reconcile
from worker.cli.manual_logouts import manual_logouts
from worker.cli.numbers import pending, republish, resolve, send, show
from worker.cli.outbox import outbox
from worker.cli.partitions import partitions
from worker.cli.preparing import check, migrate, topology
from worker.cli.program import Program
from worker.cli.running import run, standalone
from worker.runtime import signals

__all__ = ["main"]

COMMANDS: Final = (
    *(run, migrate, topology, check, import_records, reconcile),
    *(send, show, pending, resolve, manual_logouts, entitlements, republish),
    *(partitions, outbox, dead_letters, contracts, standalone),
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
