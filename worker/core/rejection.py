"""The reply to a refused command."""

from activation_contracts.messages import CommandRejected, CommandRejectedData

from worker.core.messages.identity import derived_id
from worker.core.operations.operation import operation_of
from worker.core.validation import Refused, Request

__all__ = ["rejection"]


def rejection(request: Request, refused: Refused) -> CommandRejected:
    """The message that rejects the command.

    Its id depends on the command's content: a command id that is reused with different content
    gets one rejection for each content.
    """
    command, situation = request.command, request.situation
    data = command.data
    number = situation.number if refused.discloses_status else None
    return CommandRejected(
        id=derived_id(command.source, command.id, "rejected", command.fingerprint),
        subject=data.phone_number,
        time=request.now,
        correlationid=command.correlationid or command.id,
        causationid=command.id,
        traceparent=command.traceparent,
        tracestate=command.tracestate,
        partitionkey=request.holder.partition_key,
        data=CommandRejectedData(
            command_id=command.id,
            operation=operation_of(command),
            phone_number=data.phone_number,
            account_id=data.account_id,
            site_id=data.site_id,
            code=refused.code,
            message=refused.detail,
            status=number.status if number else None,
            entitlement=situation.usage.as_contract() if refused.discloses_entitlement else None,
            holders=situation.service_holders if refused.discloses_entitlement else None,
        ),
    )
