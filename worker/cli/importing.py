"""The command `import`."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

import click

from worker.cli.exits import run_async, settings_of_environment
from worker.cli.streams import readable

__all__ = ["import_records"]

BAR_STEP_BYTES: Final = 65_536


@click.command("import")
@click.argument("file", type=click.File("rb"))
def import_records(file: BinaryIO) -> None:
    """Import records from FILE.

    FILE contains JSON Lines; - reads standard input.

    All or nothing: if one line is wrong, nothing is changed. Lines may be in any order. Of
    features, only the names are kept: their values may be secrets. A number that stops being a
    main number loses its call settings.
    """
    from worker.operator.importing.import_records import import_lines
    from worker.operator.importing.jsonl import lines_of

    settings = settings_of_environment()
    with _progress_of(file, readable(lines_of(file))) as lines:
        counts = run_async(import_lines(settings.database_url, lines))
    for kind, count in counts.items():
        click.echo(f"{count:>9,}  {kind}")


@contextmanager
def _progress_of(file: BinaryIO, content: Iterator[bytes]) -> Iterator[Iterator[bytes]]:
    """The lines; on a terminal, reading a file of known size moves a progress bar."""
    size = _size_bytes(file)
    with click.progressbar(
        length=size,
        label="Reading",
        file=sys.stderr,
        hidden=not (size and sys.stderr.isatty()),
        update_min_steps=BAR_STEP_BYTES,
    ) as bar:

        def lines() -> Iterator[bytes]:
            for line in content:
                bar.update(len(line))
                yield line

        yield lines()


def _size_bytes(file: BinaryIO) -> int:
    # A pipe has no size, and an in-memory file has no descriptor.
    with contextlib.suppress(OSError):
        status = os.fstat(file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else 0
    return 0
