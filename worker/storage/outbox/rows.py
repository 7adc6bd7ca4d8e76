"""Messages as rows of the outbox."""

from activation_contracts.catalogue import definition_of, routing_key_of
from activation_contracts.messages import PublishedMessage

from worker.core.lanes import Lane
from worker.storage.rows import OutboxRow

__all__ = ["outbox_row"]


def outbox_row(
    message: PublishedMessage,
    *,
    holds: bool = False,
    awaited: bool = False,
    ordered: bool = True,
    lane: Lane = Lane.INTERACTIVE,
) -> OutboxRow:
    """The message as a row of the outbox.

    `holds`: the operation waits for it. `awaited`: a PBX result is awaited for the step that it
    requests. `ordered`: it keeps its place among the number's messages.
    """
    definition = definition_of(type(message))
    return OutboxRow(
        subject=message.subject,
        holds_operation=holds,
        awaited=awaited,
        ordered=ordered,
        message_id=message.id,
        message_type=message.type,
        exchange=definition.exchange,
        routing_key=routing_key_of(message),
        correlation_id=message.correlationid,
        # A PBX cannot answer a message that reached no queue.
        must_be_routed=definition.must_be_routed or awaited,
        body=message.encode(),
        lane=lane,
    )
