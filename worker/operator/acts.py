"""Lists what operators decided: who, when and why."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from worker.core.messages.explanations import clock_time
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.acts import load_acts
from worker.storage.connecting.engine import open_database

__all__ = ["list_acts", "render"]

Row = Mapping[str, Any]

PAGE_ROWS: Final = 1000


async def list_acts(settings: Settings, on_row: Callable[[Row], None]) -> int:
    """Passes on all acts, the newest last; returns how many.

    Page by page, so that a long list needs little memory and no transaction waits for its reader.
    """
    listed = after = 0
    async with open_database(settings.database_url) as database, database.session() as session:
        while True:
            page = await load_acts(session, after, PAGE_ROWS)
            for row in page:
                on_row(dict(row))
            listed += len(page)
            if len(page) < PAGE_ROWS:
                return listed
            after = page[-1]["place"]


def render(row: Row) -> str:
    """The act with its author and reason on one line, and below it what it was done to."""
    row = printable(row)
    detail = f"  ({row['detail']})" if row["detail"] else ""
    decision = f"{row['act']} by {row['decided_by']}: {row['reason']}{detail}"
    lines = [f"{clock_time(row['decided_at'])}  {decision}"]
    lines += [f"    {item}" for item in row["first_items"]]
    more = row["items"] - len(row["first_items"])
    return "\n".join([*lines, *([f"    and {more} more"] if more else [])])
