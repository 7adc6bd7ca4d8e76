"""Saves what a batch of changes leads to: the difference between what was held and what is."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import NamedTuple, TypeVar

from worker.core.directory.held import Directory, HeldNumber, Waiting
from worker.core.partitions import partition_of
from worker.storage.connecting.session import Session
from worker.storage.directory.loading import record_key

__all__ = ["DirectoryContext", "DirectoryWriter"]

Item = TypeVar("Item")


class DirectoryContext(NamedTuple):
    """The values that all changes of one transaction share."""

    partitions: int
    """How many partitions there are: each message goes to the outbox of its account's."""
    now: datetime


class DirectoryWriter:
    """Stores everything in which `after` differs from `before`, in one transaction."""

    def __init__(
        self, session: Session, context: DirectoryContext, before: Directory, after: Directory
    ) -> None:
        self._session = session
        self._context = context
        self._before = before
        self._after = after
        self._changed = sorted(
            number for number, held in after.numbers.items() if held != before.numbers.get(number)
        )
        self._deleted = sorted(before.numbers.keys() - after.numbers.keys())

    async def save(self) -> None:
        """Stores services, numbers with their records, versions, and what waits."""
        await self._save_services()
        await self._end_aftermaths()
        await self._save_numbers()
        await self._delete_numbers()
        await self._save_sequences()
        await self._save_settings()
        await self._save_members()
        await self._save_logins()
        await self._save_versions()
        await self._save_waiting()

    async def move_messages(self) -> None:
        """Moves the unsent messages of a number to its partition; call after its new ones are put.

        In two partitions a later message could overtake an earlier one: of a number that changes
        accounts, even by way of none within one batch, or that is provisioned again.
        """
        partitions = self._context.partitions
        if partitions == 1:
            return
        moved = {
            number: partition_of(partition_key, partitions)
            for number, partition_key in self._partition_keys()
        }
        if moved:
            await self._session.change(
                "relabel_outbox", subject=list(moved), partition=list(moved.values())
            )

    def _partition_keys(self) -> Iterable[tuple[str, str]]:
        """Of each number of which some messages may be in other partitions than later ones."""
        for number in self._deleted:
            yield number, self._before.numbers[number].number.partition_key
        for before, after in self._pairs():
            old, new = before.number if before else None, after.number
            has_moved = old is not None and old.partition_key != new.partition_key
            if has_moved or new.sequence != (old.sequence if old else 0):
                yield new.phone_number, new.partition_key

    async def _save_services(self) -> None:
        before, after = self._before.services, self._after.services
        gone = sorted(before.keys() - after.keys())
        if gone:
            await self._session.change("delete_services", service_ids=gone)
        services = [service for key, service in sorted(after.items()) if service != before.get(key)]
        if services:
            await self._session.change_each(
                "save_services",
                len(services),
                service_ids=[service.service_id for service in services],
                account_ids=[service.account_id for service in services],
                account_kinds=[service.account_kind for service in services],
                site_ids=[service.site_id for service in services],
                quantities=[service.quantity for service in services],
                starts_on=[service.starts_on for service in services],
                ends_on=[service.ends_on for service in services],
            )

    async def _end_aftermaths(self) -> None:
        ended = [
            number
            for number in (*self._changed, *self._deleted)
            if self._has_ongoing(self._before, number)
            and not self._has_ongoing(self._after, number)
        ]
        if ended:
            await self._session.change_each(
                "end_aftermaths", len(ended), phone_numbers=ended, now=self._context.now
            )

    @staticmethod
    def _has_ongoing(directory: Directory, phone_number: str) -> bool:
        held = directory.numbers.get(phone_number)
        return held is not None and held.number.ongoing is not None

    async def _save_numbers(self) -> None:
        rows = {
            after.number.phone_number: _number_row(after)
            for before, after in self._pairs()
            if before is None or _number_row(after) != _number_row(before)
        }
        if not rows:
            return
        # The unique index checks each row as it is written, and a successor may come before its
        # predecessor. A number whose row is not written stays a main number.
        before = self._before.numbers
        touched = (*rows, *self._deleted)
        released = [number for number in touched if number in before and before[number].is_main]
        if released:
            await self._session.change("release_main_numbers", phone_numbers=released)
        await self._session.change_each(
            "save_numbers", len(rows), rows=json.dumps([*rows.values()])
        )

    async def _delete_numbers(self) -> None:
        numbers = self._deleted
        if numbers:
            await self._session.change_each("delete_numbers", len(numbers), phone_numbers=numbers)

    async def _save_sequences(self) -> None:
        """Remembers the sequences of deleted numbers; one may have come and gone in this batch."""
        before, after = self._before.last_sequences, self._after.last_sequences
        back = sorted(before.keys() - after.keys())
        if back:
            await self._session.change("forget_deleted_numbers", phone_numbers=back)
        gone = sorted(number for number in after if after[number] != before.get(number))
        if gone:
            await self._session.change_each(
                "remember_deleted_numbers",
                len(gone),
                phone_numbers=gone,
                sequences=[after[number] for number in gone],
            )

    async def _save_settings(self) -> None:
        changed = [
            after
            for before, after in self._pairs()
            if after.call_settings != (before.call_settings if before else None)
        ]
        gone = [held.number.phone_number for held in changed if held.call_settings is None]
        if gone:
            await self._session.change("delete_call_settings", phone_numbers=gone)
        kept = [held.call_settings for held in changed if held.call_settings is not None]
        if kept:
            await self._session.change(
                "save_call_settings",
                phone_numbers=[settings.phone_number for settings in kept],
                hunt_group_ids=[settings.hunt_group_id for settings in kept],
                in_hours=[settings.in_hours for settings in kept],
                out_of_hours=[settings.out_of_hours for settings in kept],
                unanswered=[settings.unanswered for settings in kept],
            )

    async def _save_members(self) -> None:
        gone, added = self._difference(lambda held: held.number.hunt_groups)
        for name, items in (("delete_members", gone), ("save_members", added)):
            if items:
                await self._session.change(
                    name,
                    phone_numbers=[number for number, _ in items],
                    hunt_group_ids=[group for _, group in items],
                )

    async def _save_logins(self) -> None:
        gone, added = self._difference(lambda held: held.number.logins)
        if gone:
            await self._session.change(
                "delete_logins",
                phone_numbers=[number for number, _ in gone],
                device_ids=[login.device_id for _, login in gone],
            )
        if added:
            await self._session.change(
                "save_logins",
                phone_numbers=[number for number, _ in added],
                device_ids=[login.device_id for _, login in added],
                device_kinds=[login.device_kind for _, login in added],
            )

    async def _save_versions(self) -> None:
        before, after = self._before.versions, self._after.versions
        changed = sorted(record for record in after if after[record] != before.get(record))
        if changed:
            await self._session.change_each(
                "save_versions",
                len(changed),
                kinds=[record.kind for record in changed],
                record_keys=[record_key(record) for record in changed],
                versions=[after[record] for record in changed],
            )

    async def _save_waiting(self) -> None:
        before = [item for items in self._before.waiting.values() for item in items]
        after = [item for items in self._after.waiting.values() for item in items]
        still = {item.position for item in after}
        done = [item.position for item in before if item.position not in still]
        if done:
            await self._session.change("delete_waiting_records", positions=done)
        new = [item for item in after if item.position is None]
        if new:
            await self._let_wait(new)

    async def _let_wait(self, waiting: list[Waiting]) -> None:
        changes = [item.change for item in waiting]
        await self._session.change_each(
            "let_records_wait",
            len(waiting),
            phone_numbers=[change.phone_number for change in changes],
            waits_for=[item.waits_for for item in waiting],
            kinds=[change.record.KIND for change in changes],
            records=[change.record.model_dump_json() for change in changes],
            deleted=[change.deleted for change in changes],
            versions=[change.version for change in changes],
            cause_sources=[change.cause.source for change in changes],
            cause_ids=[change.cause.id for change in changes],
            correlation_ids=[change.cause.correlation_id for change in changes],
            traceparents=[change.cause.traceparent for change in changes],
            tracestates=[change.cause.tracestate for change in changes],
            now=self._context.now,
        )

    def _pairs(self) -> Iterable[tuple[HeldNumber | None, HeldNumber]]:
        """Each changed number, before and after; None before if it was not provisioned."""
        before, after = self._before.numbers, self._after.numbers
        return ((before.get(number), after[number]) for number in self._changed)

    def _difference(
        self, items_of: Callable[[HeldNumber], Iterable[Item]]
    ) -> tuple[list[tuple[str, Item]], list[tuple[str, Item]]]:
        """What each number has no more, and what it has now."""
        gone: list[tuple[str, Item]] = []
        added: list[tuple[str, Item]] = []
        for before, after in self._pairs():
            number = after.number.phone_number
            old, new = list(items_of(before)) if before else [], list(items_of(after))
            gone += [(number, item) for item in old if item not in new]
            added += [(number, item) for item in new if item not in old]
        return gone, added


def _number_row(held: HeldNumber) -> dict[str, object]:
    number = held.number
    return {
        "phone_number": number.phone_number,
        "site_id": number.site_id,
        "account_id": number.account_id,
        "extension": number.extension,
        "status": number.status,
        "sequence": number.sequence,
        "main_number": number.main_number,
        "assigned_to": number.assigned_to,
        "label": number.label,
        "features": number.features,
        "pin_is_default": held.pin_is_default,
    }
