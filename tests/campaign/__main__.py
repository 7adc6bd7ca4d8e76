"""The command line: `python -m tests.campaign --help`."""

import asyncio
import secrets
from dataclasses import replace
from pathlib import Path

import click

from tests.campaign.judging.verdict import GOOD
from tests.campaign.planning.schedule import SIZES, Size
from tests.campaign.reporting import report
from tests.campaign.reporting.page import page
from tests.campaign.reporting.progress import show_progress
from tests.campaign.running.campaign import Result, plan_campaign, run_campaign
from tests.campaign.running.course import Campaign


@click.command()
@click.option("--preset", type=click.Choice(list(SIZES)), default="full", show_default=True)
@click.option("--seed", type=int, help="The same seed plans the same campaign.")
@click.option("--commands", type=click.IntRange(min=1))
@click.option("--worker-kills", type=click.IntRange(min=0))
@click.option("--broker-restarts", type=click.IntRange(min=0))
@click.option("--database-restarts", type=click.IntRange(min=0))
@click.option("--others", type=click.IntRange(min=0), help="How often each further fault.")
@click.option("--freezes", type=click.IntRange(min=0), help="How often the leader is frozen.")
@click.option("--partitions", type=click.IntRange(min=0), help="How often a worker is cut off.")
@click.option("--databases-full", type=click.IntRange(min=0), help="How often the disk is full.")
@click.option(
    "--worker-partitions", type=click.IntRange(1, 64), help="Partitions that both workers share."
)
@click.option("--upgrade", is_flag=True, default=None, help="Begin with the last release.")
@click.option("--minutes", type=float, default=180, show_default=True, help="Longest run.")
@click.option("--report", "folder", type=click.Path(file_okay=False, path_type=Path))
def main(
    preset: str, seed: int | None, minutes: float, folder: Path | None, **counts: int | None
) -> None:
    """Send commands while faults hit every part, and check that nothing was lost or doubled.

    The report is written to build/campaign/SEED, or to the folder that --report names.
    """
    chosen = secrets.randbelow(1_000_000) if seed is None else seed
    size = _size(preset, counts)
    place = folder or Path("build/campaign") / str(chosen)
    click.echo(f"Seed {chosen}: {size.commands:,} commands, {size.faults.total():,} faults")
    result = asyncio.run(_run(plan_campaign(chosen, size, minutes, place)))
    _write(result, place)
    raise SystemExit(0 if result.verdict.word == GOOD else 1)


async def _run(campaign: Campaign) -> Result:
    async with show_progress(campaign):
        return await run_campaign(campaign)


def _size(preset: str, counts: dict[str, int | None]) -> Size:
    given = {name: count for name, count in counts.items() if count is not None}
    return replace(SIZES[preset], **given)  # type: ignore[arg-type]


def _write(result: Result, place: Path) -> None:
    contents = report.report_of(result)
    (place / "report.json").write_text(report.as_json(result), encoding="utf-8")
    (place / "report.html").write_text(page(contents), encoding="utf-8")
    for name, finding in result.findings.items():
        if finding.count:
            click.echo(f"{finding.count:>9,}  {name}")
    click.echo(f"{result.verdict.word}: {place / 'report.html'}")
    for reason in result.verdict.reasons:
        click.echo(f"  {reason}")


if __name__ == "__main__":
    main()
