"""The commands `import` and `reconcile`: files of records."""

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Final

import click

from worker.cli.exits import Exit, run_async, settings_of_environment
from worker.cli.options import AS_JSON, to_json
from worker.cli.streams import echo, readable

__all__ = ["import_records", "reconcile"]

BAR_STEP_BYTES: Final = 65_536
COMPLETE: Final = click.option(
    "--complete",
    is_flag=True,
    help="FILE is the whole truth for the sites that its services and numbers name.",
)


class Bars:
    """Progress bars on a terminal, one for each phase."""

    @contextmanager
    def phase(self, label: str, length: int, step: int = 1) -> Iterator[Callable[[int], object]]:
        """Begins a phase of this length; call the result with each part that is done."""
        with click.progressbar(
            length=length,
            label=label,
            file=sys.stderr,
            hidden=not (length and sys.stderr.isatty()),
            update_min_steps=step,
        ) as bar:
            yield bar.update


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

    settings = settings_of_environment()
    bars = Bars()
    counts = run_async(import_lines(settings.database_url, _lines(file, bars), progress=bars))
    for kind, count in counts.items():
        click.echo(f"{count:>9,}  {kind}")


@click.command()
@click.argument("file", type=click.File("rb"))
@COMPLETE
@AS_JSON
def reconcile(file: BinaryIO, complete: bool, as_json: bool) -> None:
    """Compare the records in FILE with those that are held.

    FILE contains JSON Lines; - reads standard input. Nothing is changed. Prints one line for each
    record that is only in the file or has other values there, and with --complete for each that is
    only held. With --json, each line is a JSON object.

    The exit code says whether there are differences.
    """
    from worker.operator.importing.reconcile import compare_lines, render

    settings = settings_of_environment()
    work = compare_lines(
        settings.database_url,
        _lines(file, Bars()),
        complete=complete,
        show=lambda found: echo(
            to_json(found._asdict(), indent=None) if as_json else render(found)
        ),
    )
    counts = run_async(work)
    if not as_json:
        click.echo(_summary(counts))
    if counts:
        raise SystemExit(Exit.DIFFERENT)


def _summary(counts: Mapping[str, int]) -> str:
    if not counts:
        return "no differences"
    parts = (f"{count:,} {word.replace('_', ' ')}" for word, count in counts.items())
    return f"{sum(counts.values()):,} differences: {', '.join(parts)}"


def _lines(file: BinaryIO, bars: Bars) -> Iterator[bytes]:
    """The lines; reading a file of known size moves a progress bar."""
    from worker.operator.importing.jsonl import lines_of

    with bars.phase("Reading", _size_bytes(file), BAR_STEP_BYTES) as advance:
        for line in readable(lines_of(file)):
            advance(len(line))
            yield line


def _size_bytes(file: BinaryIO) -> int:
    # A pipe has no size, and an in-memory file has no descriptor.
    with contextlib.suppress(OSError):
        status = os.fstat(file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else 0
    return 0
