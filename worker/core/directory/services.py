"""Changes of voice services."""

from typing import cast

from activation_contracts.records import VoiceServiceRecord

from worker.core.cause import Cause
from worker.core.directory.change import Change
from worker.core.directory.held import in_force
from worker.core.directory.work import Work
from worker.core.situation import Holder

__all__ = ["apply_voice_service"]


def apply_voice_service(work: Work, change: Change) -> bool:
    """Applies the state or the deletion of a voice service; returns whether it changes anything."""
    service_id = change.record.key[0]
    before = work.directory.services.get(service_id)
    after = None if change.deleted else cast("VoiceServiceRecord", change.record)
    if before == after:
        return False
    _count_services(work, before, -1, change.cause)
    _count_services(work, after, +1, change.cause)
    if after is None:
        del work.directory.services[service_id]
    else:
        work.directory.services[service_id] = after
    return True


def _count_services(
    work: Work, service: VoiceServiceRecord | None, sign: int, cause: Cause
) -> None:
    if service is None:
        return
    holder = Holder(service.account_id, service.site_id)
    usage = work.usage_of(holder)
    quantity = sign * in_force(service, work.now.date())
    work.affect(holder, usage._replace(limit=usage.limit + quantity), cause)
