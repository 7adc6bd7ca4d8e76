"""The message contracts, for programs in any language."""

from pathlib import Path

import click

__all__ = ["contracts"]


@click.group()
def contracts() -> None:
    """The message contracts: schemas, examples, AsyncAPI and topology."""


@contracts.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def export(directory: Path) -> None:
    """Write the contracts as files into DIRECTORY."""
    from contracts.export import export as export_contracts

    for path in export_contracts(directory):
        click.echo(path)
