"""The one table of messages: what each is, who sends it, and the way it takes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from contracts import messages
from contracts.envelope import Envelope

__all__ = [
    "CATALOGUE",
    "COMMANDS",
    "COMMAND_EXCHANGE",
    "COMMAND_QUEUE",
    "EVENT_EXCHANGE",
    "PBX_EXCHANGE",
    "RESULTS",
    "RESULT_EXCHANGE",
    "RESULT_QUEUE",
    "MessageDefinition",
    "definition_of",
    "routing_key_of",
]

COMMAND_EXCHANGE: Final = "telephony.commands"
EVENT_EXCHANGE: Final = "telephony.events"
PBX_EXCHANGE: Final = "telephony.pbx"
RESULT_EXCHANGE: Final = "telephony.pbx.results"
COMMAND_QUEUE: Final = "telephony.phone_number.commands"
RESULT_QUEUE: Final = "telephony.pbx.results"


@dataclass(frozen=True, slots=True)
class MessageDefinition:
    """One type of message."""

    message: type[Envelope]
    direction: Literal["received", "published"]
    """As the worker sees it."""
    exchange: str
    routing_key: str
    """With `{field}` for what comes from the payload; a status is written in lower case."""
    queue: str | None = None
    """The durable queue that always holds it; None where subscribers bind queues of their own."""

    @property
    def type(self) -> str:
        """The CloudEvents type."""
        return str(self.message.model_fields["type"].default)

    @property
    def binding_key(self) -> str:
        """The pattern that a topic binding needs to get all of it."""
        return re.sub(r"\{[^}]*\}", "*", self.routing_key)

    @property
    def must_be_routed(self) -> bool:
        """Whether reaching no queue is an error: it is where a durable queue must exist."""
        return self.queue is not None


CATALOGUE: Final = (
    MessageDefinition(
        messages.Activate,
        "received",
        COMMAND_EXCHANGE,
        "phone_number.activate",
        COMMAND_QUEUE,
    ),
    MessageDefinition(
        messages.Deactivate,
        "received",
        COMMAND_EXCHANGE,
        "phone_number.deactivate",
        COMMAND_QUEUE,
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
        messages.ManualLogoutRequired,
        "published",
        EVENT_EXCHANGE,
        "handset.manual_logout_required",
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
)

COMMANDS: Final[Mapping[str, type[messages.Command]]] = {
    "telephony.phone_number.activate.v1": messages.Activate,
    "telephony.phone_number.deactivate.v1": messages.Deactivate,
}
"""What the worker reads from the command queue, by type."""

RESULTS: Final[Mapping[str, type[messages.PbxResult]]] = {
    "telephony.pbx.result.v1": messages.PbxResult,
}
"""What the worker reads from the result queue, by type."""

_BY_MESSAGE: Final = {definition.message: definition for definition in CATALOGUE}


def definition_of(message: type[Envelope]) -> MessageDefinition:
    """The catalogue's row for a message class; KeyError where there is none."""
    return _BY_MESSAGE[message]


def routing_key_of(message: messages.PublishedMessage) -> str:
    """The routing key under which this very message is published."""
    template = _BY_MESSAGE[type(message)].routing_key
    if "{" not in template:
        return template
    status = getattr(message.data, "status", None)
    return template.format(
        status=status.value.lower() if status else "", site_id=message.data.site_id
    )
