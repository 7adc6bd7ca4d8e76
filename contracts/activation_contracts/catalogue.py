"""The message catalogue: class, direction, exchange, routing key and queue of each message."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from activation_contracts import messages
from activation_contracts.envelope import Envelope
from activation_contracts.guidance import Guidance

__all__ = [
    "BULK_COMMAND_QUEUE",
    "CATALOGUE",
    "COMMANDS",
    "COMMAND_EXCHANGE",
    "COMMAND_QUEUE",
    "DEFAULT_EXCHANGE",
    "DIRECTORY",
    "DIRECTORY_EXCHANGE",
    "DIRECTORY_QUEUE",
    "EVENTS",
    "EVENT_EXCHANGE",
    "PBX_EXCHANGE",
    "PBX_MESSAGES",
    "REPLIES",
    "REPLIES_FROM",
    "REPORTS",
    "REPORT_QUEUE",
    "RESULTS",
    "RESULT_EXCHANGE",
    "RESULT_QUEUE",
    "MessageDefinition",
    "definition_of",
    "routing_key_of",
]

DEFAULT_EXCHANGE: Final = ""
"""Routes a message to the queue that its routing key names."""
COMMAND_EXCHANGE: Final = "telephony.commands"
EVENT_EXCHANGE: Final = "telephony.events"
PBX_EXCHANGE: Final = "telephony.pbx"
RESULT_EXCHANGE: Final = "telephony.pbx.results"
DIRECTORY_EXCHANGE: Final = "telephony.directory"
COMMAND_QUEUE: Final = "telephony.phone_number.commands"
BULK_COMMAND_QUEUE: Final = "telephony.phone_number.commands.bulk"
REPORT_QUEUE: Final = "telephony.phone_number.reports"
RESULT_QUEUE: Final = "telephony.pbx.results"
DIRECTORY_QUEUE: Final = "telephony.directory"


@dataclass(frozen=True, slots=True)
class MessageDefinition:
    """A row of the catalogue: one type of message."""

    message: type[Envelope]
    direction: Literal["received", "published", "replied"]
    """From the worker's point of view; `replied`: sent to the requester's `reply_to` alone."""
    exchange: str
    routing_key: str
    """With `{status}` (in lower case) or `{site_id}` for a field of the payload; `{reply_to}` is a
    property of the request."""
    queue: str | None = None
    """The durable queue that receives it; None if subscribers bind their own queues."""
    bulk_queue: str | None = None
    """The durable queue that receives it by `bulk_routing_key`; None if it has no such key."""

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return str(self.message.model_fields["type"].default)

    @property
    def bulk_routing_key(self) -> str | None:
        """The routing key of a message for which no person waits."""
        return f"{self.routing_key}.bulk" if self.bulk_queue else None

    @property
    def meaning(self) -> str:
        """The first line of the class's documentation."""
        return (self.message.__doc__ or "").partition("\n")[0]

    @property
    def guidance(self) -> Guidance:
        """Who sends it and when, what may repeat, and what its receiver does."""
        return self.message.GUIDANCE

    @property
    def binding_key(self) -> str:
        """The topic pattern that matches all messages of this type."""
        return re.sub(r"\{[^}]*\}", "*", self.routing_key)

    @property
    def must_be_routed(self) -> bool:
        """Whether it is an error if the message reaches no queue."""
        return self.queue is not None


CATALOGUE: Final = (
    MessageDefinition(
        messages.Activate,
        "received",
        COMMAND_EXCHANGE,
        "phone_number.activate",
        COMMAND_QUEUE,
        BULK_COMMAND_QUEUE,
    ),
    MessageDefinition(
        messages.Deactivate,
        "received",
        COMMAND_EXCHANGE,
        "phone_number.deactivate",
        COMMAND_QUEUE,
        BULK_COMMAND_QUEUE,
    ),
    MessageDefinition(
        messages.Report, "received", COMMAND_EXCHANGE, "phone_number.report", REPORT_QUEUE
    ),
    MessageDefinition(
        messages.StatusChanged, "published", EVENT_EXCHANGE, "phone_number.status.{status}"
    ),
    MessageDefinition(
        messages.CommandRejected, "published", EVENT_EXCHANGE, "phone_number.rejected"
    ),
    MessageDefinition(
        messages.OperationDelayed, "published", EVENT_EXCHANGE, "phone_number.delayed"
    ),
    MessageDefinition(messages.OperationFailed, "published", EVENT_EXCHANGE, "phone_number.failed"),
    MessageDefinition(
        messages.OperationAftermath, "published", EVENT_EXCHANGE, "phone_number.aftermath"
    ),
    MessageDefinition(messages.Previewed, "published", EVENT_EXCHANGE, "phone_number.previewed"),
    MessageDefinition(messages.Snapshot, "published", EVENT_EXCHANGE, "phone_number.snapshot"),
    MessageDefinition(
        messages.ManualLogoutRequired,
        "published",
        EVENT_EXCHANGE,
        "handset.manual_logout_required",
    ),
    MessageDefinition(
        messages.EntitlementExceeded,
        "published",
        EVENT_EXCHANGE,
        "account.entitlement_exceeded",
    ),
    MessageDefinition(
        messages.EntitlementRestored,
        "published",
        EVENT_EXCHANGE,
        "account.entitlement_restored",
    ),
    MessageDefinition(
        messages.DirectoryConflict, "published", EVENT_EXCHANGE, "directory.conflict"
    ),
    MessageDefinition(
        messages.HandsetLogout,
        "published",
        PBX_EXCHANGE,
        "handset_logout.{site_id}",
        "pbx.handset-logout",
    ),
    MessageDefinition(
        messages.HuntGroupMembership,
        "published",
        PBX_EXCHANGE,
        "hunt_group_membership.{site_id}",
        "pbx.hunt-group-membership",
    ),
    MessageDefinition(
        messages.ExtensionReset,
        "published",
        PBX_EXCHANGE,
        "extension_reset.{site_id}",
        "pbx.extension-reset",
    ),
    MessageDefinition(
        messages.PbxResult,
        "received",
        RESULT_EXCHANGE,
        "pbx.result",
        RESULT_QUEUE,
    ),
    MessageDefinition(
        messages.VoiceService, "received", DIRECTORY_EXCHANGE, "voice_service", DIRECTORY_QUEUE
    ),
    MessageDefinition(
        messages.PhoneNumberChange, "received", DIRECTORY_EXCHANGE, "phone_number", DIRECTORY_QUEUE
    ),
    MessageDefinition(
        messages.CallSettings, "received", DIRECTORY_EXCHANGE, "call_settings", DIRECTORY_QUEUE
    ),
    MessageDefinition(
        messages.HuntGroupMember,
        "received",
        DIRECTORY_EXCHANGE,
        "hunt_group_member",
        DIRECTORY_QUEUE,
    ),
    MessageDefinition(
        messages.HandsetLogin, "received", DIRECTORY_EXCHANGE, "handset_login", DIRECTORY_QUEUE
    ),
    MessageDefinition(messages.MessageUnreadable, "replied", DEFAULT_EXCHANGE, "{reply_to}"),
)

COMMANDS: Final[Mapping[str, type[messages.Command]]] = {
    "telephony.phone_number.activate.v1": messages.Activate,
    "telephony.phone_number.deactivate.v1": messages.Deactivate,
}
"""The messages that the worker reads from the command queue and the bulk queue, by type."""

REPORTS: Final[Mapping[str, type[messages.Report]]] = {
    "telephony.phone_number.report.v1": messages.Report,
}
"""The messages that the worker reads from the report queue, by type."""

RESULTS: Final[Mapping[str, type[messages.PbxResult]]] = {
    "telephony.pbx.result.v1": messages.PbxResult,
}
"""The messages that the worker reads from the result queue, by type."""

DIRECTORY: Final[Mapping[str, type[messages.DirectoryMessage]]] = {
    "telephony.directory.voice_service.v1": messages.VoiceService,
    "telephony.directory.phone_number.v1": messages.PhoneNumberChange,
    "telephony.directory.call_settings.v1": messages.CallSettings,
    "telephony.directory.hunt_group_member.v1": messages.HuntGroupMember,
    "telephony.directory.handset_login.v1": messages.HandsetLogin,
}
"""The messages that the worker reads from the directory queue, by type."""

EVENTS: Final[Mapping[str, type[Envelope]]] = {
    row.type: row.message for row in CATALOGUE if row.exchange == EVENT_EXCHANGE
}
"""What the worker publishes for all subscribers, by type."""

PBX_MESSAGES: Final[Mapping[str, type[Envelope]]] = {
    row.type: row.message for row in CATALOGUE if row.exchange == PBX_EXCHANGE
}
"""What the worker requests of PBX systems, by type."""

REPLIES_FROM: Final[Mapping[str, tuple[type[Envelope], ...]]] = {
    COMMAND_QUEUE: (
        messages.StatusChanged,
        messages.CommandRejected,
        messages.Previewed,
        messages.MessageUnreadable,
    ),
    BULK_COMMAND_QUEUE: (
        messages.StatusChanged,
        messages.CommandRejected,
        messages.Previewed,
        messages.MessageUnreadable,
    ),
    REPORT_QUEUE: (messages.Snapshot, messages.MessageUnreadable),
    RESULT_QUEUE: (messages.MessageUnreadable,),
    DIRECTORY_QUEUE: (messages.MessageUnreadable,),
}
"""The messages that the worker sends to `reply_to`, by the queue from which it read the request."""

REPLIES: Final[Mapping[str, type[Envelope]]] = {
    row.type: row.message
    for row in CATALOGUE
    if any(row.message in replies for replies in REPLIES_FROM.values())
}
"""What the worker sends to the `reply_to` of a request, by type."""

_BY_MESSAGE: Final = {definition.message: definition for definition in CATALOGUE}


def definition_of(message: type[Envelope]) -> MessageDefinition:
    """The row of a message class. Raises KeyError if there is none."""
    return _BY_MESSAGE[message]


def routing_key_of(message: messages.PublishedMessage) -> str:
    """The routing key of this message, its fields filled in. Raises KeyError for another class."""
    template = _BY_MESSAGE[type(message)].routing_key
    if "{" not in template:
        return template
    status = getattr(message.data, "status", None)
    return template.format(
        status=status.value.lower() if status else "", site_id=message.data.site_id
    )
