"""Shortages: fewer voice services in force than numbers in use. Nobody is cut off for one [D]."""

from datetime import datetime

from activation_contracts.envelope import WORKER_SOURCE
from activation_contracts.messages import EntitlementData, EntitlementExceeded, EntitlementRestored

from worker.core.cause import Cause
from worker.core.messages.identity import derived_id
from worker.core.situation import Holder, Usage

__all__ = ["EntitlementChanged", "change_of", "passage_of_time"]

EntitlementChanged = EntitlementExceeded | EntitlementRestored


def passage_of_time(now: datetime) -> Cause:
    """The cause of what a check finds that no message led to: services begin and end by date.

    The moment and not the day: on one day, a shortage may end and begin again.
    """
    moment = now.isoformat()
    return Cause(WORKER_SOURCE, moment, moment)


def change_of(
    holder: Holder, usage: Usage, cause: Cause, now: datetime
) -> EntitlementChanged | None:
    """The event that a shortage began or ended; None if what was published last still holds."""
    if usage.is_short == usage.exceeded:
        return None
    kind, word = (
        (EntitlementExceeded, "exceeded") if usage.is_short else (EntitlementRestored, "restored")
    )
    return kind(
        id=derived_id(cause.source, cause.id, "entitlement", word, *holder),
        subject=holder.partition_key,
        time=now,
        correlationid=cause.correlation_id,
        causationid=cause.id,
        traceparent=cause.traceparent,
        tracestate=cause.tracestate,
        partitionkey=holder.partition_key,
        data=EntitlementData(
            account_id=holder.account_id,
            site_id=holder.site_id,
            entitlement=usage.as_contract(),
        ),
    )
