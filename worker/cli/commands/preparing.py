"""The commands `migrate`, `topology` and `check`."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import click

from worker.cli.exits import Exit, run_async, settings_of_environment, worst

if TYPE_CHECKING:
    from worker.operator.preparing.preflight import Finding

__all__ = ["check", "migrate", "topology"]

SHOWN: Final[Mapping[str, tuple[str, str]]] = {
    "ok": ("ok", "green"),
    "warning": ("warning", "yellow"),
    "skipped": ("skipped", "yellow"),
    "failed": ("FAILED", "red"),
}
"""For each status its word and its colour on a terminal."""


@click.command()
def migrate() -> None:
    """Migrate the schema of the database."""
    from worker.operator.preparing.servers import migrate_database

    before, after = run_async(migrate_database(settings_of_environment()))
    click.echo(f"The schema is at {after}." if before == after else f"{before} -> {after}")


@click.command()
def topology() -> None:
    """Create the exchanges and queues that are missing, and verify the others.

    Prints each with whether it was created or exists as it must be. Bindings that are missing are
    made either way.
    """
    from worker.operator.preparing.servers import declare_topology

    for name, created, remark in run_async(declare_topology(settings_of_environment())):
        word = "created" if created else "exists"
        click.echo(f"{click.style(f'{word:<7}', fg='green')} {name}{remark and f': {remark}'}")


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on each line.")
def check(*, as_json: bool) -> None:
    """Check whether a worker could start here and keep its promises.

    Checks everything and changes nothing; the exit code is that of the worst problem. A warning
    is none.
    """
    from worker.operator.preparing.preflight import check_all

    codes = []
    for finding in run_async(check_all(settings_of_environment())):
        code, message = _outcome(finding)
        codes.append(code)
        click.echo(_as_json(finding, code, message) if as_json else _as_line(finding, message))
    raise SystemExit(worst(codes))


def _outcome(finding: "Finding") -> tuple[Exit, str]:
    from worker.cli.error_messages import explained

    if finding.error is None:
        return Exit.DONE, finding.message
    explanation = explained(finding.error)
    if explanation is None:
        raise finding.error
    return explanation


def _as_json(finding: "Finding", code: Exit, message: str) -> str:
    return json.dumps(
        {
            "subject": finding.subject,
            "status": finding.status.value,
            "message": message or None,
            "exit_code": code.value,
        }
    )


def _as_line(finding: "Finding", message: str) -> str:
    word, colour = SHOWN[finding.status.value]
    return f"{click.style(f'{word:<7}', fg=colour)} {finding.subject}{message and f': {message}'}"
