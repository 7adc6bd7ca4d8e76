"""The first page: what waits, what is late, what failed, and how much room there is."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from activation_contracts.catalogue import BULK_COMMAND_QUEUE, COMMAND_QUEUE
from activation_contracts.topology import DEAD_LETTER_QUEUE

from worker.core.messages.explanations import AFTERMATHS, clock_time
from worker.explaining.model import Shown
from worker.explaining.page.html import Content, Html, moment, number_link, table, tag
from worker.explaining.page.layout import document
from worker.explaining.reading import Overview
from worker.explaining.services import later
from worker.telemetry.metrics.database_gauges import DatabaseFigures

__all__ = ["QUEUES", "overview_page"]

QUEUES: Final = (COMMAND_QUEUE, BULK_COMMAND_QUEUE, DEAD_LETTER_QUEUE)
"""Those whose depth the page shows."""
UNREAD: Final = "It could not be read in time: commands go first."

Cells = Sequence[Content]


def overview_page(overview: Overview, depths: Mapping[str, int] | None) -> str:
    """The page."""
    return document(
        "Overview",
        tag("h1", "Overview"),
        *_notices(overview, depths),
        tag("ul", *_tiles(overview.figures, depths), class_="tiles"),
        _Section(
            "Late, or needs an operator",
            ("number", "what", "since", "state"),
            overview.troubled,
            _trouble,
            "Nothing is late.",
        ).card(),
        _Section(
            "Refused or failed in the last hour",
            ("time", "number", "command", "code", "detail", "requested by"),
            overview.refused,
            _refusal,
            "Nothing was refused, and nothing has failed.",
        ).card(),
        _Section(
            "Dead-lettered in the last seven days, by reason",
            ("reason", "messages", "latest", "for example"),
            overview.reasons,
            _reason,
            "No worker has dead-lettered a message.",
        ).card(),
        _Section(
            "Least headroom",
            ("account", "site", "bought", "active", "pending", "free", "later"),
            overview.headroom,
            _headroom,
            "No account has bought or uses a voice service.",
        ).card(),
        _Section(
            "Last acts of operators",
            ("time", "act", "by", "why", "items"),
            overview.acts,
            _act,
            "No operator has done anything.",
        ).card(),
    )


def _notices(overview: Overview, depths: Mapping[str, int] | None) -> Iterable[Html]:
    pause = overview.pause
    if pause:
        why = f"Since {clock_time(pause['since'])} by {pause['by']}: {pause['why']}"
        remedy = "Commands wait in their queues until an operator runs activation-worker resume."
        headline = tag("b", "The intake is paused")
        yield tag("section", headline, tag("p", why), tag("p", remedy), class_="notice waiting")
    stored = overview.stored_letters
    if stored and stored.messages:
        yield _problem(
            f"The dead-letter queue refuses {stored.messages:,} dead letters",
            f"They wait in the database: {stored.last_error}. activation-worker check says more.",
        )
    if overview.figures is None:
        yield _problem("The database does not answer in time", "See /readyz for the reason.")
    if depths is None:
        yield _problem("The broker does not say how deep its queues are", "See /readyz.")


def _problem(headline: str, detail: str) -> Html:
    return tag("section", tag("b", headline), tag("p", detail), class_="notice bad")


def _tiles(figures: DatabaseFigures | None, depths: Mapping[str, int] | None) -> Iterable[Html]:
    if depths is not None:
        yield _tile(depths[COMMAND_QUEUE], "commands wait", "")
        yield _tile(depths[BULK_COMMAND_QUEUE], "bulk commands wait", "")
        yield _tile(depths[DEAD_LETTER_QUEUE], "dead letters", "waiting")
    if figures is not None:
        operations, aftermaths = figures.operations.values(), figures.aftermaths.values()
        needing = sum(it.unresolved_numbers for it in operations) + sum(
            it.unresolved_numbers for it in aftermaths
        )
        yield _tile(sum(it.numbers for it in operations), "operations under way", "")
        yield _tile(sum(it.numbers for it in aftermaths), "ended, and left something to do", "")
        yield _tile(sum(it.overdue_numbers for it in operations), "past their deadline", "bad")
        yield _tile(needing, "need an operator", "bad")
        yield _tile(figures.outbox_delayed_messages, "messages refused", "bad")
        yield _tile(figures.outbox_parked_messages, "messages parked", "bad")
        yield _tile(figures.oversubscribed_accounts, "accounts over their limit", "waiting")


def _tile(count: int, what: str, tone: str) -> Html:
    return tag("li", tag("b", f"{count:,}"), tag("span", what), class_=tone if count else "")


class _Section(NamedTuple):
    """A list of rows with a title."""

    title: str
    names: Sequence[str]
    rows: Sequence[Shown] | None
    cells: Callable[[Shown], Cells]
    if_none: str

    def card(self) -> Html:
        """The section as HTML."""
        if self.rows is None:
            content = tag("p", UNREAD, class_="faint")
        elif self.rows:
            content = table(self.names, map(self.cells, self.rows))
        else:
            content = tag("p", self.if_none, class_="faint")
        return tag("section", tag("h2", self.title), content, class_="card")


def _trouble(row: Shown) -> Cells:
    marks = (
        ("needs an operator", "bad", row["needs_a_person"]),
        ("past its deadline", "bad", row["overdue"]),
        ("late", "waiting", row["at_risk"]),
    )
    badges = [tag("span", text, class_=f"badge {tone}") for text, tone, is_so in marks if is_so]
    what = AFTERMATHS[row["aftermath"]] if row["aftermath"] else row["operation"]
    return number_link(row["phone_number"]), what, moment(row["since"]), badges[0]


def _refusal(row: Shown) -> Cells:
    command = f"{row['operation']} {row['outcome']}"
    number = number_link(row["phone_number"])
    by = row["requested_by"]
    return moment(row["received_at"]), number, command, tag("code", row["code"]), row["detail"], by


def _reason(row: Shown) -> Cells:
    return tag("code", row["code"]), row["messages"], moment(row["latest"]), row["detail"]


def _headroom(row: Shown) -> Cells:
    tone = "bad" if row["free"] < 0 else "waiting" if row["free"] == 0 else "good"
    free = tag("span", row["free"], class_=f"badge {tone}")
    place = row["account_id"], row["site_id"]
    return *place, row["limit"], row["active"], row["pending"], free, later(row["upcoming"])


def _act(row: Shown) -> Cells:
    return moment(row["decided_at"]), row["act"], row["decided_by"], row["reason"], row["items"]
