"""Applies changes of records in a transaction: loads, decides in the core, saves."""

from collections.abc import Collection, Sequence
from typing import Final

from worker.core.directory.apply import apply_all
from worker.core.directory.change import Change
from worker.core.directory.work import Applied
from worker.storage.connecting.session import Session
from worker.storage.directory.loading import load_directory
from worker.storage.directory.saving import DirectoryContext, DirectoryWriter
from worker.storage.entitlement import mark_entitlements
from worker.storage.locks import DIRECTORY
from worker.storage.manual_logouts import close_manual_logouts
from worker.storage.outbox.messages import put_messages

__all__ = ["DirectoryContext", "apply_changes", "apply_waiting", "join_directory_writers"]


CLOSED_BY: Final = "directory"


async def join_directory_writers(session: Session) -> None:
    """Waits until no import is under way, and keeps imports out until the transaction ends."""
    await session.fetch("join_directory_writers", lock=DIRECTORY)


async def apply_changes(
    session: Session,
    context: DirectoryContext,
    changes: Sequence[Change],
    *,
    also: Collection[str] = (),
    compares_entitlements: bool = True,
) -> Applied:
    """Applies these changes in their order, after what waits for their numbers and for `also`.

    Everything that follows is stored in the transaction of the session: records, versions, changes
    that have to wait, and the messages about it. The outcomes tell what became of each change,
    those that had waited included. Without `compares_entitlements`, call `check_entitlements` in
    the same transaction for the `affected` accounts.
    """
    before = await load_directory(session, changes, also, context.now)
    applied = apply_all(before, changes, context.now, compares_entitlements=compares_entitlements)
    writer = DirectoryWriter(session, context, before, applied.directory)
    await writer.save()
    await close_manual_logouts(
        session,
        applied.logged_out,
        context.now,
        closed_by=CLOSED_BY,
        reason="The platform says that the device is logged out.",
    )
    await mark_entitlements(session, applied.shortages)
    await put_messages(session, applied.messages, context.partitions, context.now)
    await writer.move_messages()
    return applied


async def apply_waiting(
    session: Session, context: DirectoryContext, phone_numbers: Collection[str]
) -> Applied:
    """Applies what waited for the ends of these numbers' operations, in the order of arrival."""
    return await apply_changes(session, context, (), also=phone_numbers)
