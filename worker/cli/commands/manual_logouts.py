"""The command `manual-logouts`: lists and closes what people must log out by hand."""

from collections.abc import Mapping
from typing import Any

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, JsonArray, by_and_why
from worker.cli.streams import echo
from worker.runtime.printable import printable

__all__ = ["manual_logouts"]


@click.group("manual-logouts", invoke_without_command=True)
@click.option("--site", help="Only those at this site.")
@click.option("--all", "with_closed", is_flag=True, help="Closed ones too, with who and why.")
@AS_JSON
@click.pass_context
def manual_logouts(
    context: click.Context, site: str | None, with_closed: bool, as_json: bool
) -> None:
    """List the devices that people must log numbers out of, oldest first.

    A deactivation leaves one for each device that cannot be logged out remotely. It is closed when
    the platform deletes the login, or by `close`.
    """
    if context.invoked_subcommand is None:
        _list(site, with_closed=with_closed, as_json=as_json)
    elif site or with_closed or as_json:
        fail(Exit.USAGE, "--site, --all and --json are options of the list, not of `close`.")


def _list(site: str | None, *, with_closed: bool, as_json: bool) -> None:
    from worker.operator.manual_logouts import list_manual_logouts, render

    array = JsonArray()

    def print_row(row: Mapping[str, Any]) -> None:
        if as_json:
            array.add(row)
        else:
            echo(render(row))

    listed = run_async(
        list_manual_logouts(
            settings_of_environment(), site_id=site, with_closed=with_closed, on_row=print_row
        )
    )
    if as_json:
        array.end()
        return
    click.echo(f"{listed.open} open" + (f", {listed.closed} closed" if with_closed else ""))


@manual_logouts.command()
@click.argument("number")
@click.argument("device")
@by_and_why
def close(number: str, device: str, by: str, why: str) -> None:
    """Close the open manual logout of a NUMBER at a DEVICE, because it was done or is not needed.

    `manual-logouts` lists the numbers and devices.
    """
    from worker.operator.manual_logouts import close_manual_logout
    from worker.storage.acts import Author

    author = Author(by, why)
    run_async(close_manual_logout(settings_of_environment(), number, device, author))
    click.echo(f"Closed: {printable(number)} at {printable(device)}.")
