"""Operators list manual logouts page by page, and close those that were done."""

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.data.inserts import Expression, manual_logout
from tests.support.workers import rows, store
from worker.operator import manual_logouts
from worker.operator.manual_logouts import (
    Listed,
    NoOpenManualLogout,
    NoSuchSite,
    close_manual_logout,
    list_manual_logouts,
)
from worker.settings import Settings
from worker.storage.acts import Author
from worker.storage.connecting.engine import Database

if TYPE_CHECKING:
    from collections.abc import Mapping

NUMBER = "+442079460001"
CLOSED = {"closed_at": Expression("now()"), "closed_by": "Ada", "reason": "done"}
SITE = (
    manual_logout(NUMBER, "fax-3"),
    manual_logout(NUMBER, "fax-1", site_id="paris"),
    manual_logout(NUMBER, "fax-4", **CLOSED),
    manual_logout(NUMBER, "fax-2", site_id="paris", **CLOSED),
    manual_logout(NUMBER, "fax-5"),
)


async def listed(
    settings: Settings, site_id: str | None = None, *, with_closed: bool = False
) -> tuple[list[str], Listed]:
    """The devices of the list, and its counts."""
    found: list[Mapping[str, Any]] = []
    counts = await list_manual_logouts(
        settings, site_id=site_id, with_closed=with_closed, on_row=found.append
    )
    return [row["device_id"] for row in found], counts


@pytest.mark.parametrize("page_rows", [1, 2, 5, 1000])
async def test_a_list_holds_all_pages_in_the_order_of_the_deactivations(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch, page_rows: int
) -> None:
    monkeypatch.setattr(manual_logouts, "PAGE_ROWS", page_rows)
    await store(database, *SITE)

    assert await listed(settings) == (["fax-3", "fax-1", "fax-5"], Listed(3, 0))
    assert await listed(settings, "paris") == (["fax-1"], Listed(1, 0))
    assert await listed(settings, with_closed=True) == (
        ["fax-3", "fax-1", "fax-4", "fax-2", "fax-5"],
        Listed(3, 2),
    )
    with pytest.raises(NoSuchSite, match="at the site nowhere"):
        await listed(settings, "nowhere", with_closed=True)


async def test_closing_stores_who_and_why_and_needs_an_open_manual_logout(
    database: Database, settings: Settings
) -> None:
    await store(database, *SITE)

    await close_manual_logout(settings, NUMBER, "fax-1", Author("Lin", "was there"))

    closed = "SELECT device_id, reason FROM manual_logouts WHERE closed_by = 'Lin'"
    assert await rows(database, closed) == [("fax-1", "was there")]
    for device_id in ("fax-1", "fax-9"):
        with pytest.raises(NoOpenManualLogout, match=f"at the device {device_id}"):
            await close_manual_logout(settings, NUMBER, device_id, Author("Max", "?"))
    assert await rows(database, closed) == [("fax-1", "was there")]
