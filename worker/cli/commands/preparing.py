"""The commands `migrate`, `topology` and `check`."""

import click

from worker.cli.exits import Exit, run_async, settings_of_environment

__all__ = ["check", "migrate", "topology"]


@click.command()
def migrate() -> None:
    """Migrate the schema of the database."""
    from worker.operator.preparing.servers import migrate_database

    before, after = run_async(migrate_database(settings_of_environment()))
    click.echo(f"The schema is at {after}." if before == after else f"{before} -> {after}")


@click.command()
def topology() -> None:
    """Create the exchanges and queues, or verify them."""
    from worker.operator.preparing.servers import declare_topology

    for name, remark in run_async(declare_topology(settings_of_environment())).items():
        click.echo(f"{click.style('ok', fg='green')}  {name}{remark and f': {remark}'}")


@click.command()
def check() -> None:
    """Check whether a worker could start here.

    Checks everything and changes nothing; the exit code is that of the first problem.
    """
    from worker.cli.error_messages import explained
    from worker.operator.preparing.preflight import check_all

    codes = []
    for finding in run_async(check_all(settings_of_environment())):
        if finding.error is None:
            remark = finding.remark and f": {finding.remark}"
            click.echo(f"{click.style('ok    ', fg='green')}  {finding.subject}{remark}")
            continue
        explanation = explained(finding.error)
        if explanation is None:
            raise finding.error
        code, message = explanation
        codes.append(code)
        click.echo(f"{click.style('FAILED', fg='red')}  {finding.subject}: {message}")
    raise SystemExit(codes[0] if codes else Exit.DONE)
