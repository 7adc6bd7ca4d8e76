"""Compares what accounts use with what is in force; publishes each shortage and its end once."""

import asyncio
import math
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime, time
from functools import partial
from time import monotonic
from typing import Final, NamedTuple

from activation_contracts.messages import EntitlementExceeded

from worker.core.cause import Cause
from worker.core.entitlement import EntitlementChanged, change_of, passage_of_time
from worker.core.situation import Holder, Usage
from worker.runtime.clock import Clock
from worker.storage.connecting.engine import Transactions
from worker.storage.connecting.session import Row, Session
from worker.storage.outbox.messages import put_messages

__all__ = [
    "PAGE_ACCOUNTS",
    "Upcoming",
    "UsageOf",
    "check_entitlements",
    "load_upcoming",
    "load_usages_after",
    "load_usages_locked",
    "mark_entitlements",
    "usage_of",
    "watch_entitlements",
]

PAGE_ACCOUNTS: Final = 500
UPCOMING_MAXIMUM: Final = 5
PAUSE_SECONDS: Final = 0.05
POLL_SECONDS: Final = 1
SAFETY_NET_SECONDS: Final = 3600
"""How often all accounts are checked on a day: records may be changed by hand in SQL."""


BEFORE_ALL: Final = Holder("", "")
"""In key order before every account and site."""


class UsageOf(NamedTuple):
    """The usage of an account at a site."""

    holder: Holder
    usage: Usage


async def check_entitlements(
    session: Session,
    holders: Collection[Holder],
    cause: Cause,
    *,
    partitions: int,
    now: datetime,
) -> Sequence[EntitlementChanged]:
    """Publishes which of these accounts are short from now on, or no longer; returns the events.

    Call it after a change of their services or numbers, in the same transaction. It locks their
    usage in key order until the transaction ends: lock numbers before. `partitions` is their
    present number.
    """
    usages = await load_usages_locked(session, holders, now)
    changes = [change for known in usages if (change := change_of(*known, cause, now))]
    await mark_entitlements(session, changes)
    await put_messages(session, changes, partitions, now)
    return changes


async def load_usages_locked(
    session: Session, holders: Collection[Holder], now: datetime
) -> Sequence[UsageOf]:
    """The usages of these accounts, locked in key order until the transaction ends."""
    keys = {
        "account_ids": [holder.account_id for holder in holders],
        "site_ids": [holder.site_id for holder in holders],
    }
    await session.fetch("lock_usages", **keys)
    # A statement of its own: it sees what was stored while the locks were waited for.
    rows = await session.fetch("load_usages", **keys, today=now.date())
    return [_usage_at(row) for row in rows]


async def mark_entitlements(session: Session, changes: Collection[EntitlementChanged]) -> None:
    """Remembers that these shortages, or their ends, are published: in the same transaction."""
    if not changes:
        return
    await session.change_each(
        "mark_entitlements",
        len(changes),
        account_id=[change.data.account_id for change in changes],
        site_id=[change.data.site_id for change in changes],
        exceeded=[isinstance(change, EntitlementExceeded) for change in changes],
    )


async def load_usages_after(
    session: Session, after: Holder, now: datetime, maximum: int = PAGE_ACCOUNTS
) -> Sequence[UsageOf]:
    """The usages of the next accounts and sites behind this one, in key order, without a lock."""
    rows = await session.fetch(
        "load_usages_after",
        account_id=after.account_id,
        site_id=after.site_id,
        today=now.date(),
        maximum=maximum,
    )
    return [_usage_at(row) for row in rows]


class Upcoming(NamedTuple):
    """How many voice services of an account at a site begin and end at a later moment."""

    at: datetime
    begin: int
    end: int


async def load_upcoming(
    session: Session, holders: Collection[Holder], now: datetime
) -> Mapping[Holder, Sequence[Upcoming]]:
    """The next moments at which services of these accounts begin or end: some, the soonest first.

    Services begin and end at midnight of UTC.
    """
    rows = await session.fetch(
        "load_upcoming_services",
        account_ids=[holder.account_id for holder in holders],
        site_ids=[holder.site_id for holder in holders],
        today=now.date(),
        maximum=UPCOMING_MAXIMUM,
    )
    found = defaultdict[Holder, list[Upcoming]](list)
    for row in rows:
        at = datetime.combine(row["day"], time(), UTC)
        upcoming = Upcoming(at, row["beginning"], row["ending"])
        found[Holder(row["account_id"], row["site_id"])].append(upcoming)
    return found


async def watch_entitlements(
    database: Transactions,
    clock: Clock,
    partitions: int,
    on_changed: Callable[[Sequence[EntitlementChanged]], None],
) -> None:
    """Checks all accounts: at once, on each new day of UTC, and every hour, until cancelled.

    Services begin and end by date, without any message. In small transactions, so that no decision
    waits long for their locks.
    """
    checked_on, checked_at = None, -math.inf
    while True:
        # The clock of the database may be set: the date is looked at, and no sleep is computed.
        today = clock().date()
        if today != checked_on or monotonic() - checked_at >= SAFETY_NET_SECONDS:
            checked_on, checked_at = today, monotonic()
            async for changes in _check_all(database, clock, partitions):
                on_changed(changes)
        await asyncio.sleep(POLL_SECONDS)


async def _check_all(
    database: Transactions, clock: Clock, partitions: int
) -> AsyncIterator[Sequence[EntitlementChanged]]:
    after = BEFORE_ALL
    is_last = False
    while not is_last:
        page, changes = await database.transact(partial(_check_page, clock, partitions, after))
        if changes:
            yield changes
        is_last = len(page) < PAGE_ACCOUNTS
        after = page[-1].holder if page else after
        await asyncio.sleep(PAUSE_SECONDS)


async def _check_page(
    clock: Clock, partitions: int, after: Holder, session: Session
) -> tuple[Sequence[UsageOf], Sequence[EntitlementChanged]]:
    now = clock()
    cause = passage_of_time(now)
    page = await load_usages_after(session, after, now)
    changed = [holder for holder, usage in page if change_of(holder, usage, cause, now)]
    if not changed:
        return page, ()
    # Only these are locked and compared again.
    return page, await check_entitlements(session, changed, cause, partitions=partitions, now=now)


def usage_of(row: Row) -> Usage:
    """The usage in a row with the columns of a `usage_snapshot`."""
    return Usage(row["limit"], row["active"], row["pending"], row["exceeded"])


def _usage_at(row: Row) -> UsageOf:
    return UsageOf(Holder(row["account_id"], row["site_id"]), usage_of(row))
