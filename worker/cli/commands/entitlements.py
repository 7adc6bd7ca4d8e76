"""The command `entitlements`: what accounts have bought and use at their sites."""

from collections.abc import Mapping
from typing import Any

import click

from worker.cli.exits import run_async, settings_of_environment
from worker.cli.options import to_json
from worker.cli.streams import echo
from worker.runtime.counting import counted

__all__ = ["entitlements"]


@click.command()
@click.option("--exceeded", is_flag=True, help="Only those that use more than is in force today.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object a line, for scripts.")
def entitlements(exceeded: bool, as_json: bool) -> None:
    """List the voice services of each account and site: bought, in use, free.

    Sorted by account and site. Services may end while more numbers are in use than are left: such
    an account is EXCEEDED. Its numbers stay ACTIVE, and it can activate no others.
    """
    from worker.operator.entitlements import list_entitlements, render

    def print_account(account: Mapping[str, Any]) -> None:
        echo(to_json(account, indent=None) if as_json else render(account))

    listed = run_async(
        list_entitlements(settings_of_environment(), print_account, only_exceeded=exceeded)
    )
    if as_json:
        return
    accounts = counted(listed, "account at a site", "accounts at a site")
    if not exceeded:
        echo(accounts)
    else:
        echo(f"{accounts} {'uses' if listed == 1 else 'use'} more than is in force")
