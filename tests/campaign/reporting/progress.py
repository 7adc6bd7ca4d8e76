"""Shows the progress of a campaign: a bar on a terminal, a line at intervals elsewhere."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from tests.campaign.running.course import Campaign

BAR_SECONDS = 0.5
LINE_SECONDS = 15


@asynccontextmanager
async def show_progress(campaign: Campaign) -> AsyncIterator[None]:
    """Shows the progress until the end of the context."""
    console = Console()
    show = _bar if console.is_terminal else _lines
    task = asyncio.create_task(show(console, campaign))
    try:
        yield
    finally:
        task.cancel()


async def _bar(console: Console, campaign: Campaign) -> None:
    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("", total=campaign.size.commands)
        while True:
            answered = campaign.counters["answered"]
            progress.update(bar, completed=answered, description=_words(campaign))
            await asyncio.sleep(BAR_SECONDS)


async def _lines(console: Console, campaign: Campaign) -> None:
    while True:
        await asyncio.sleep(LINE_SECONDS)
        console.print(f"{campaign.watch.seconds:7.0f} s  {_words(campaign)}", highlight=False)


def _words(campaign: Campaign) -> str:
    done, wanted = campaign.done.total(), campaign.size.faults.total()
    answered = campaign.counters["answered"]
    return f"{answered:,} of {campaign.size.commands:,} answered, {done:,} of {wanted:,} faults"
