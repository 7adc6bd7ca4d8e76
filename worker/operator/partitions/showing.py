"""Shows the number of partitions, the worker that serves each, and the messages that wait."""

from collections.abc import Mapping
from typing import Any

from aio_pika.abc import AbstractConnection

from worker.broker.connecting.connection import connect, ready_messages
from worker.broker.partition_queues import SOURCES, source_queue
from worker.core.messages.explanations import clock_time
from worker.core.partitions import Assignment, assignments, name_of
from worker.explaining.pause import intake_is_paused
from worker.runtime.printable import printable
from worker.settings import Settings
from worker.storage.connecting.engine import open_database
from worker.storage.connecting.session import Row, Session
from worker.storage.intake import Pause
from worker.storage.locks import MEMBER, PARTITION
from worker.storage.partitions import load_partitions

__all__ = ["describe_holder", "format_partitions", "show_partitions"]

Shown = Mapping[str, Any]


async def show_partitions(settings: Settings) -> Shown:
    """The partitions, workers and assignments, as plain values."""
    async with (
        open_database(settings.database_url) as database,
        database.transaction() as session,
    ):
        state = await load_partitions(session)
        layout = assignments(state.layout)
        members, served = await _served(session, layout)
    async with await connect(settings.amqp_urls) as connection:
        return {
            "partitions": state.layout.partitions,
            "routed": state.layout.routed,
            "unfinished_change_to": state.target,
            "pause": state.pause._asdict() if state.pause else None,
            "workers": members,
            "assignments": [
                {**served[item.partition], **await _queue(connection, item)} for item in layout
            ],
        }


async def _served(
    session: Session, layout: tuple[Assignment, ...]
) -> tuple[int, Mapping[int, Shown]]:
    """The number of workers, and the database's record of each assignment by its partition."""
    locks = await session.fetch("list_workers", lock=PARTITION)
    holders = {row["partition"]: describe_holder(row) for row in locks}
    rows = await session.fetch("show_assignments", partitions=[item.partition for item in layout])
    members = sum(row["partition"] == MEMBER and row["is_shared"] for row in locks)
    return members, {
        row["partition"]: {
            "partition": row["partition"],
            "term": row["term"],
            "gained_at": row["gained_at"],
            "outbox_messages": row["outbox_messages"],
            "served_by": holders.get(row["partition"]),
        }
        for row in rows
    }


def describe_holder(row: Row) -> str:
    """The address, name and session of a worker, as text for operators."""
    address = row["address"] or "local"
    return f"{address} {row['application_name']} (session {row['pid']})"


async def _queue(connection: AbstractConnection, assignment: Assignment) -> Shown:
    queue, bulk_queue = (
        source
        if assignment.is_router
        else source_queue(source, assignment.partition, assignment.layout)
        for source in SOURCES
    )
    return {
        "queue": queue,
        "waiting": await ready_messages(connection, queue),
        "bulk_queue": bulk_queue,
        "bulk_waiting": await ready_messages(connection, bulk_queue),
    }


def format_partitions(shown: Shown) -> str:
    """The result of `show_partitions` as lines of text."""
    return "\n".join(
        (
            f"partitions: {shown['partitions']}{_remark(shown)}",
            f"workers: {shown['workers']}",
            *([intake_is_paused(Pause(**shown["pause"]))] if shown["pause"] else []),
            *map(_assignment, shown["assignments"]),
        )
    )


def _remark(shown: Shown) -> str:
    target = shown["unfinished_change_to"]
    if target is not None:
        return (
            f"; a change to {target} is not finished: commands wait until"
            f" `activation-worker partitions {target}` has finished it"
        )
    if shown["partitions"] == 1 and shown["routed"]:
        return (
            "; commands still pass through a router, until `activation-worker partitions 1` finds"
            " the partition's queue empty"
        )
    return ""


def _assignment(shown: Shown) -> str:
    partition = name_of(shown["partition"])
    is_router = not partition.isdigit()
    name = partition if is_router else f"partition {partition}"
    since = shown["gained_at"]
    served = (
        f"{printable(shown['served_by'])}, term {shown['term']} since {clock_time(since)}"
        if shown["served_by"] and since
        else "no worker"
    )
    outbox = "" if is_router else f", {shown['outbox_messages']} to be published"
    waiting = f"{shown['waiting']} waiting and {shown['bulk_waiting']} in bulk"
    return f"{name:<12}  {waiting}{outbox}; served by {served}"
