"""The message contracts, for programs in any language."""

from pathlib import Path

import click

__all__ = ["contracts"]


@click.group()
def contracts() -> None:
    """Export the message contracts."""


@contracts.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def export(directory: Path) -> None:
    """Write schemas, examples, AsyncAPI, topology and the reference (HTML) into DIRECTORY."""
    from activation_contracts.documents.export import export as export_contracts

    for path in export_contracts(directory):
        click.echo(path)
