"""How many lanes there are, who serves each, and what waits there."""

from collections.abc import Mapping
from typing import Any

from aio_pika.abc import AbstractConnection

from contracts.catalogue import COMMAND_QUEUE
from worker.broker.connection import connect, ready_messages
from worker.broker.lane_queues import queue_name_of
from worker.cluster.membership import MEMBER
from worker.core.lanes import DISTRIBUTION, duties, name_of
from worker.settings import Settings
from worker.storage.engine import open_database
from worker.storage.lanes import load_lanes
from worker.storage.locks import POST
from worker.storage.session import Row, Session

__all__ = ["in_words", "look"]

Shown = Mapping[str, Any]


async def look(settings: Settings) -> Shown:
    """Everything, as plain values."""
    async with open_database(settings.database_url) as database:
        async with database.transaction() as on:
            shown = await _in_database(on)
        async with await connect(settings.amqp_urls) as connection:
            posts = [await _with_queue(connection, post, shown["lanes"]) for post in shown["posts"]]
    return {**shown, "posts": posts}


async def _in_database(session: Session) -> Shown:
    lanes = await load_lanes(session)
    posts = [duty.post for duty in duties(lanes.present, changing=False)]
    found = await session.fetch("who_works", lock=POST)
    holders = {row["post"]: row for row in found}
    rows = await session.fetch("show_posts", posts=posts)
    return {
        "lanes": lanes.present,
        "changing_to": lanes.wished if lanes.changing else None,
        "workers": sum(row["post"] == MEMBER for row in found),
        "posts": [
            {**row, "served_by": _name_of(holders[row["post"]]) if row["post"] in holders else None}
            for row in rows
        ],
    }


def _name_of(holder: Row) -> str:
    address = holder["address"] or "local"
    return f"{address} {holder['application_name']} (session {holder['pid']})"


async def _with_queue(connection: AbstractConnection, post: Shown, lanes: int) -> Shown:
    name = COMMAND_QUEUE if post["post"] == DISTRIBUTION else queue_name_of(post["post"], lanes)
    return {**post, "queue": name, "waiting": await ready_messages(connection, name)}


def in_words(shown: Shown) -> str:
    """Some lines for people."""
    return "\n".join(
        (
            _change(shown) if shown["changing_to"] else f"lanes: {shown['lanes']}",
            f"workers: {shown['workers']}",
            *map(_post, shown["posts"]),
        )
    )


def _change(shown: Shown) -> str:
    return (
        f"lanes: {shown['lanes']}, and {shown['changing_to']} are wished for: commands wait until"
        f" `activation-worker lanes {shown['changing_to']}` has been called again"
    )


def _post(post: Shown) -> str:
    is_distribution = post["post"] == DISTRIBUTION
    name = name_of(post["post"]) if is_distribution else f"lane {name_of(post['post'])}"
    since = post["gained_at"]
    served = (
        f"{post['served_by']}, term {post['term']} since {since:%Y-%m-%d %H:%M:%S}"
        if post["served_by"] and since
        else "nobody"
    )
    said = "" if is_distribution else f", {post['outbox_messages']} to be said"
    return f"{name:<12}  {post['waiting']} waiting{said}; served by {served}"
