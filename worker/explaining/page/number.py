"""The page of a number: why it is as it is, what it waits for, and its timeline."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from worker.core.messages.explanations import AFTERMATHS
from worker.explaining.devices import logged_in_at
from worker.explaining.directory import directory_version, why_missing
from worker.explaining.model import Shown, Tone
from worker.explaining.page.html import Html, join, moment, table, tag
from worker.explaining.page.layout import document
from worker.explaining.services import arithmetic
from worker.explaining.steps import step_name

__all__ = ["missing_page", "number_page"]

ENTRIES_MAXIMUM: Final = 200
STATUS_TONES: Final = {"ACTIVE": "good", "PENDING": "waiting"}


def number_page(shown: Shown) -> str:
    """The page."""
    number, status = shown["phone_number"], shown["status"]
    badge = tag("span", status, class_=f"badge {STATUS_TONES.get(status, '')}".strip())
    left = [*_waiting(shown), _timeline(shown)]
    return document(
        number,
        tag("h1", tag("span", number, class_="number"), badge),
        _verdict(shown["why"]),
        tag("div", tag("div", *left), tag("div", _facts(shown)), class_="columns"),
        searched=number,
    )


def missing_page(missing: Shown) -> str:
    """The page of a number that is not provisioned."""
    phone_number, about = missing["phone_number"], why_missing(missing)
    notice = tag(
        "section", tag("b", "This number is not provisioned"), tag("p", about), class_="notice"
    )
    waiting = missing["waiting_records"]
    rows = [(moment(row["waiting_since"]), row["kind"], row["record"]) for row in waiting]
    records = _card("Records that wait for it", table(("since", "kind", "record"), rows))
    return document(
        "Not provisioned",
        tag("h1", tag("span", phone_number, class_="number")),
        notice,
        *([records] if rows else []),
        searched=phone_number,
    )


def _verdict(why: Shown) -> Html:
    tone = "" if why["tone"] == Tone.PLAIN else why["tone"]
    detail = tag("p", why["detail"]) if why["detail"] else None
    return tag("section", tag("b", why["headline"]), detail, class_=f"notice {tone}".strip())


def _card(title: str, *content: Html) -> Html:
    return tag("section", tag("h2", title), *content, class_="card")


def _waiting(shown: Shown) -> Iterator[Html]:
    targets = {row["operation_id"]: row["target"] for row in shown["steps"]}
    targets |= {row["message_id"]: row["target"] for row in shown["unsent"]}
    for operation in shown["waiting"]:
        title = f"Under way: {operation['operation']}"
        if operation["aftermath"]:
            title = f"Outstanding: {AFTERMATHS[operation['aftermath']]}"
        facts = [
            ("since", moment(operation["since"])),
            ("requested by", operation["requested_by"] or "not stated"),
            ("command", tag("span", operation["command_id"], class_="id")),
        ]
        if operation["deadline"]:
            facts.append(("deadline", moment(operation["deadline"])))
        steps = [
            (
                step_name({**step, "target": targets.get(step["operation_id"])}),
                "the broker" if step["waits_for"] == "confirm" else "the PBX",
                step["attempt"],
                moment(datetime.fromisoformat(step["since"])) if step["since"] else "not yet",
            )
            for step in operation["awaiting"]
        ]
        names = ("open step", "waits for", "attempt", "sent")
        yield _card(title, _list(facts), table(names, steps) if steps else Html(""))


def _facts(shown: Shown) -> Html:
    facts = [
        ("account", shown["account_id"] or "none"),
        ("site", shown["site_id"]),
        ("extension", shown["extension"] or "none"),
        ("voice services", arithmetic(shown)),
        ("main number", "yes" if shown["main_number"] else "no"),
        ("assigned to", shown["assigned_to"] or "no one"),
        ("label", shown["label"] or "none"),
        ("hunt groups", ", ".join(row["hunt_group_id"] for row in shown["hunt_groups"]) or "none"),
        ("logged in at", logged_in_at(shown)),
        ("sequence", str(shown["sequence"])),
        ("directory", directory_version(shown)),
    ]
    return _card("Facts", _list(facts))


def _list(facts: list[tuple[str, str]]) -> Html:
    return tag("dl", *(join((tag("dt", name), tag("dd", value))) for name, value in facts))


def _timeline(shown: Shown) -> Html:
    entries = [_entry(entry) for entry in reversed(shown["timeline"][-ENTRIES_MAXIMUM:])]
    if len(shown["timeline"]) > ENTRIES_MAXIMUM:
        entries.append(tag("li", tag("p", "Earlier: activation-worker show", class_="faint")))
    if not entries:
        return _card("Timeline", tag("p", "Nothing is known to have happened.", class_="faint"))
    return _card("Timeline, newest first", tag("ol", *entries, class_="timeline"))


def _entry(entry: Shown) -> Html:
    by = f" by {entry['by']}" if entry["by"] else None
    reference = entry["reference"]
    return tag(
        "li",
        moment(entry["at"]),
        tag("span", entry["what"], class_="what"),
        by,
        tag("p", entry["detail"]) if entry["detail"] else None,
        tag("p", reference, class_="id") if reference else None,
        class_=entry["tone"],
    )
