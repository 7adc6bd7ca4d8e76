"""Builds the messages that follow from changes of records, with ids derived from their cause."""

from datetime import datetime
from typing import Final

from activation_contracts.messages import (
    DirectoryConflict,
    DirectoryConflictData,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.values import ChangedBy, NumberStatus

from worker.core.cause import Cause
from worker.core.directory.change import Change
from worker.core.directory.moves import Conflict
from worker.core.messages.identity import derived_id
from worker.core.messages.pbx_messages import Attributes
from worker.core.situation import Holder, Number, Usage

__all__ = ["DirectoryMessages"]

_NO_ACCOUNT: Final = ""


class DirectoryMessages:
    """Builds the messages that follow from one message of the platform, or from one import."""

    def __init__(self, cause: Cause, now: datetime) -> None:
        self._cause = cause
        self._now = now

    def status_changed(self, before: Number, after: Number, usage: Usage | None) -> StatusChanged:
        """The platform changed the status; `usage` is that of the account that holds it now."""
        account_id = after.account_id or before.account_id
        return StatusChanged(
            **self._attributes(after, account_id, "status", after.status),
            data=StatusChangedData(
                phone_number=after.phone_number,
                account_id=account_id,
                site_id=after.site_id,
                extension=after.extension,
                status=after.status,
                previous_status=before.status,
                operation=ChangedBy.DIRECTORY,
                command_id=self._cause.id,
                requested_by=None,
                sequence=after.sequence,
                entitlement=usage.as_contract() if usage is not None else None,
            ),
        )

    def conflict(
        self, held: Number | None, change: Change, conflict: Conflict
    ) -> DirectoryConflict:
        """The change contradicts what is held of the number, and was not applied."""
        number = held or _unknown(change)
        subject = ("conflict", change.record.KIND, *change.record.key)
        said = change.record.model_dump(mode="json", exclude_none=True)
        return DirectoryConflict(
            **self._attributes(number, number.account_id, *subject),
            data=DirectoryConflictData(
                kind=change.record.KIND,
                phone_number=number.phone_number,
                account_id=number.account_id,
                site_id=number.site_id,
                status=held.status if held is not None else None,
                sequence=number.sequence,
                command_id=change.cause.id,
                version=change.version,
                deleted=change.deleted,
                said=said,
                code=conflict.code,
                message=conflict.detail,
            ),
        )

    def _attributes(self, number: Number, account_id: str | None, *subject: str) -> Attributes:
        cause = self._cause
        holder = Holder(account_id or _NO_ACCOUNT, number.site_id)
        return {
            "id": derived_id(cause.source, cause.id, "directory", number.phone_number, *subject),
            "subject": number.phone_number,
            "time": self._now,
            "correlationid": cause.correlation_id,
            "causationid": cause.id,
            "traceparent": cause.traceparent,
            "tracestate": cause.tracestate,
            "partitionkey": holder.partition_key,
        }


def _unknown(change: Change) -> Number:
    """A number that is not provisioned, at the site that the record names."""
    site_id: str = getattr(change.record, "site_id", "")
    return Number(change.phone_number or "", site_id, None, None, NumberStatus.AVAILABLE)
