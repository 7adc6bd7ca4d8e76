"""The commands `import` and `reconcile`: files of records."""

import contextlib
import os
import stat
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from worker.cli.exits import Exit, fail, run_async, settings_of_environment
from worker.cli.options import AS_JSON, Words, to_json
from worker.cli.progress import Display, display
from worker.cli.streams import echo, readable
from worker.runtime.counting import counted

if TYPE_CHECKING:
    from activation_contracts.records import RecordKind

    from worker.operator.importing.applying import Counts

__all__ = ["import_records", "reconcile"]

STEP_LINES: Final = 1_000
COUNTED: Final = ("new", "changed", "unchanged", "deleted", "waiting")
COMPLETE: Final = click.option(
    "--complete",
    is_flag=True,
    help="FILE is the whole truth for the sites that its services and numbers name.",
)


@click.command("import")
@click.argument("file", type=click.File("rb"))
@COMPLETE
@click.option("--by", type=Words(), help="Who decides; with it, `acts` lists the import.")
@click.option("--why", type=Words(), help="The reason; goes with --by.")
def import_records(file: BinaryIO, complete: bool, by: str | None, why: str | None) -> None:
    """Import records from FILE.

    FILE contains JSON Lines; - reads standard input. The same rules apply as to directory messages.

    All or nothing: if one line is wrong or contradicts what is held, nothing is changed. Lines may
    be in any order. Of features, only the names are kept: their values may be secrets. A number
    that stops being a main number loses its call settings. Records of a number with an operation
    under way wait for its end. With --complete, what is held at the sites of FILE and missing in it
    is deleted. With --by and --why `acts` lists the import.
    """
    from worker.operator.importing.import_records import import_lines
    from worker.storage.acts import Author

    if bool(by) != bool(why):
        fail(Exit.USAGE, "Give --by and --why together.")
    author = Author(by, why) if by and why else None

    settings = settings_of_environment()
    with contextlib.closing(display()) as progress:
        lines = _lines(file, progress)
        work = import_lines(
            settings.database_url, lines, complete=complete, author=author, progress=progress
        )
        imported = run_async(work)
    click.echo(f"import {imported.import_id}")
    _print_counts(imported.counts)


def _print_counts(counts: Mapping["RecordKind", "Counts"]) -> None:
    click.echo(" " * 18 + "".join(f"{name:>12}" for name in COUNTED))
    for kind, of_kind in counts.items():
        columns = "".join(f"{getattr(of_kind, name):>12,}" for name in COUNTED)
        click.echo(f"{kind:<18}{columns}")


@click.command()
@click.argument("file", type=click.File("rb"))
@COMPLETE
@AS_JSON
def reconcile(file: BinaryIO, complete: bool, as_json: bool) -> None:
    """Compare the records in FILE with those that are held.

    FILE contains JSON Lines; - reads standard input. Nothing is changed. Prints one line for each
    record that is only in the file or has other values there, and with --complete for each that is
    only held. Of a number that a command has made ACTIVE or PENDING, an older status in FILE is
    "newer here": an import leaves it alone. With --json, each line is a JSON object.

    The exit code says whether there are differences.
    """
    from worker.operator.importing.reconcile import compare_lines, render

    settings = settings_of_environment()
    with contextlib.closing(display()) as progress:
        work = compare_lines(
            settings.database_url,
            _lines(file, progress),
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
    newer = counts.get("newer_here", 0)
    alone = f"; an import would leave {newer:,} of these alone" if newer else ""
    return f"{counted(sum(counts.values()), 'difference')}: {', '.join(parts)}{alone}"


def _lines(file: BinaryIO, progress: Display) -> Iterator[bytes]:
    """The lines; reading them moves the display."""
    from worker.operator.importing.jsonl import lines_of

    done, size = 0, _size_bytes(file)
    for number, line in enumerate(readable(lines_of(file))):
        done += len(line)
        if number % STEP_LINES == 0 or done == size:
            progress("Reading bytes", done, size)
        yield line
    progress.close()


def _size_bytes(file: BinaryIO) -> int:
    # A pipe has no size, and an in-memory file has no descriptor.
    with contextlib.suppress(OSError):
        status = os.fstat(file.fileno())
        return status.st_size if stat.S_ISREG(status.st_mode) else 0
    return 0
