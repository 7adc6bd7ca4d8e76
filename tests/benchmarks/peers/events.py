"""The events of the peers, built from the contracts like the worker's."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from activation_contracts.messages import (
    Activate,
    CommandRejected,
    CommandRejectedData,
    Entitlement,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import ChangedBy, NumberStatus, Operation
from sqlalchemy import Row

TIME_ALLOWED = timedelta(minutes=5)
Values = Mapping[str, object]


def status_changed(
    command: Activate, number: Row[Any], entitlement: Entitlement, status: NumberStatus, step: int
) -> Values:
    """The event for a status change, as a row of the outbox."""
    now = datetime.now(UTC)
    pending = status is NumberStatus.PENDING
    data = StatusChangedData(
        phone_number=number.phone_number,
        account_id=number.account_id,
        site_id=number.site_id,
        extension=number.extension,
        status=status,
        previous_status=NumberStatus.RESERVED if pending else NumberStatus.PENDING,
        operation=ChangedBy.ACTIVATE,
        command_id=command.id,
        requested_by=command.data.requested_by,
        sequence=number.sequence + step,
        entitlement=entitlement,
        since=now if pending else None,
        deadline=now + TIME_ALLOWED if pending else None,
        awaiting=() if pending else None,
    )
    return _row(
        StatusChanged(**_attributes(command, now), data=data),
        f"phone_number.status.{status.lower()}",
    )


def rejected(command: Activate, code: RefusalCode) -> Values:
    """The event for a refusal, as a row of the outbox."""
    data = CommandRejectedData(
        command_id=command.id,
        operation=Operation.ACTIVATE,
        phone_number=command.data.phone_number,
        account_id=command.data.account_id,
        site_id=command.data.site_id,
        code=code,
        message=f"refused: {code}",
        status=None,
        entitlement=None,
    )
    event = CommandRejected(**_attributes(command, datetime.now(UTC)), data=data)
    return _row(event, "phone_number.rejected")


def _attributes(command: Activate, now: datetime) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "subject": command.data.phone_number,
        "time": now,
        "correlationid": command.correlationid or command.id,
        "causationid": command.id,
        "partitionkey": f"{command.data.account_id}/{command.data.site_id}",
    }


def _row(event: StatusChanged | CommandRejected, routing_key: str) -> Values:
    return {
        "message_id": event.id,
        "message_type": event.type,
        "routing_key": routing_key,
        "correlation_id": event.correlationid,
        "body": event.encode(),
    }
