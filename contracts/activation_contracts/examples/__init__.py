"""One example of each message, with phone numbers that are reserved for fiction.

Ada of the account acme activates one number, deactivates another, and requests one more than her
account has voice services for. Before that, her program previews the last two. A test compares what
the worker publishes with what the core decides in these stories.
"""

from collections.abc import Mapping
from typing import Final

from activation_contracts import messages
from activation_contracts.envelope import Envelope
from activation_contracts.examples import answers, pbx, records, status_events
from activation_contracts.examples.story import (
    ACTIVATED,
    ACTIVATION,
    DEACTIVATED,
    DEACTIVATION,
    PREVIEW,
    command_attributes,
)

__all__ = ["EXAMPLES"]


def _named(*examples: tuple[str, Envelope]) -> dict[str, Envelope]:
    return {example.type + suffix: example for suffix, example in examples}


EXAMPLES: Final[Mapping[str, Envelope]] = _named(
    ("", messages.Activate(**command_attributes(ACTIVATION, ACTIVATED, 0))),
    ("", messages.Deactivate(**command_attributes(DEACTIVATION, DEACTIVATED, 10))),
    (".preview", messages.Deactivate(**command_attributes(PREVIEW, DEACTIVATED, 9, preview=True))),
    ("", status_events.PENDING),
    (".active", status_events.ACTIVE),
    (".reserved", status_events.RESERVED),
    ("", status_events.REJECTED),
    ("", answers.PREVIEWED),
    (".refused", answers.PREVIEWED_REFUSAL),
    ("", status_events.DELAYED),
    ("", status_events.FAILED),
    ("", status_events.AFTERMATH),
    ("", status_events.MANUAL_LOGOUT),
    ("", pbx.HANDSET_LOGOUT),
    ("", pbx.HUNT_GROUP_LEFT),
    (".add", pbx.HUNT_GROUP_JOINED),
    ("", pbx.EXTENSION_RESET),
    ("", pbx.RESULT),
    ("", answers.REPORT),
    ("", answers.SNAPSHOT),
    ("", answers.UNREADABLE),
    ("", records.SERVICE_BOUGHT),
    ("", records.NUMBER_ALLOCATED),
    ("", records.CALLS_ROUTED),
    ("", records.MEMBER_PUT_IN),
    (".deleted", records.MEMBER_TAKEN_OUT),
    ("", records.LOGGED_IN),
    (".deleted", records.LOGGED_OUT),
    ("", records.CONFLICT),
    ("", records.EXCEEDED),
    ("", records.RESTORED),
)
"""The example of each message by its type; further examples have a suffix."""
