"""Lists what accounts have bought and use at their sites."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from worker.core.situation import Holder
from worker.explaining.services import arithmetic
from worker.runtime.clock import Clock
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Session
from worker.storage.entitlement import (
    BEFORE_ALL,
    PAGE_ACCOUNTS,
    Upcoming,
    UsageOf,
    load_upcoming,
    load_usages_after,
)

__all__ = ["list_entitlements", "render"]

Shown = Mapping[str, Any]
Page = Sequence[tuple[UsageOf, Sequence[Upcoming]]]


async def list_entitlements(
    settings: Settings, on_account: Callable[[Shown], None], *, only_exceeded: bool
) -> int:
    """Passes every account and site to `on_account`, sorted; returns how many they were.

    It reads a page at a time, without a transaction in between: the reader of the output may be
    slow, and there may be more accounts than fit into memory.
    """
    listed = 0
    async with open_database(settings.database_url) as database:
        after = BEFORE_ALL
        is_last = False
        while not is_last:
            page = await database.read(partial(_load_page, database.clock.now, after))
            for known, upcoming in page:
                if known.usage.is_short or not only_exceeded:
                    on_account(_shown(known, upcoming))
                    listed += 1
            is_last = len(page) < PAGE_ACCOUNTS
            after = page[-1][0].holder if page else after
    return listed


async def _load_page(clock: Clock, after: Holder, session: Session) -> Page:
    # The first session tells the time.
    now = clock()
    usages = await load_usages_after(session, after, now)
    upcoming = await load_upcoming(session, [known.holder for known in usages], now)
    return [(known, upcoming.get(known.holder, ())) for known in usages]


def _shown(known: UsageOf, upcoming: Sequence[Upcoming]) -> Shown:
    (account_id, site_id), usage = known
    return {
        "account_id": account_id,
        "site_id": site_id,
        "limit": usage.limit,
        "active": usage.active,
        "pending": usage.pending,
        "headroom": usage.headroom,
        "exceeded": usage.is_short,
        "upcoming": [change._asdict() for change in upcoming],
    }


def render(account: Shown) -> str:
    """One line: the account and site, and the arithmetic as `show` writes it."""
    shown = printable(account)
    mark = "  EXCEEDED" if shown["exceeded"] else ""
    return f"{shown['account_id']} at {shown['site_id']}  {arithmetic(shown)}{mark}"
