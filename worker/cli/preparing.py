"""Preparing the servers, and looking whether they are prepared."""

import click

from worker.cli.exits import Exit, run_async, settings_of_environment

__all__ = ["check", "migrate", "topology"]


@click.command()
def migrate() -> None:
    """Bring the database's schema up to date."""
    from worker.operator.servers import migrate_database

    before, after = run_async(migrate_database(settings_of_environment()))
    click.echo(f"The schema is at {after}." if before == after else f"{before} -> {after}")


@click.command()
def topology() -> None:
    """Create exchanges and queues, or verify that they are as they should be."""
    from worker.operator.servers import declare_topology

    for name in run_async(declare_topology(settings_of_environment())):
        click.echo(f"{click.style('ok', fg='green')}  {name}")


@click.command()
def check() -> None:
    """Look whether a worker could start here; nothing is changed.

    All is looked at; the exit code is that of the first problem.
    """
    from worker.cli.error_messages import explained
    from worker.operator.preflight import check_all

    codes = []
    for finding in run_async(check_all(settings_of_environment())):
        if finding.error is None:
            click.echo(f"{click.style('ok    ', fg='green')}  {finding.subject}")
            continue
        known = explained(finding.error)
        if known is None:
            raise finding.error
        codes.append(known[0])
        click.echo(f"{click.style('FAILED', fg='red')}  {finding.subject}: {known[1]}")
    raise SystemExit(codes[0] if codes else Exit.DONE)
