"""The people, numbers and commands of the examples."""

from datetime import UTC, datetime
from typing import Final, TypedDict

from activation_contracts import messages
from activation_contracts.values import (
    NumberStatus,
    Step,
)

__all__ = [
    "ACCOUNT",
    "ACTIVATED",
    "ACTIVATION",
    "DEACTIVATED",
    "DEACTIVATION",
    "DEACTIVATION_STEPS",
    "EXHAUSTED",
    "FAILING",
    "HOLDERS",
    "HUNT_GROUP",
    "JOIN_ID",
    "LEAVE_ID",
    "LOGOUT_ID",
    "NOT_ACTIVATED",
    "PREVIEW",
    "REFUSED",
    "REFUSED_PREVIEW",
    "REJECTED_COMMAND",
    "REPORT_ID",
    "REQUESTER",
    "RESET_ID",
    "SITE",
    "TRACEPARENT",
    "UNREADABLE_COMMAND",
    "WEB_TIER",
    "at",
    "attributes",
    "command_attributes",
    "pbx_fields",
    "unsent_step",
]

ACTIVATION: Final = "8f2c1d3e-6b0a-4c55-9a77-0d6f1e2b3c41"


DEACTIVATION: Final = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"


FAILING: Final = "6fa459ea-ee8a-4ca4-894e-db77e160355e"


REJECTED_COMMAND: Final = "c56a4180-65aa-42ec-a945-5fd21dec0538"


PREVIEW: Final = "4f6c2a51-7f0e-4a57-9d0b-3f7a2f0c6d18"


REFUSED_PREVIEW: Final = "e2b1f3c4-0d5a-4b6e-8f7c-91a2b3c4d5e6"


REPORT_ID: Final = "0c8f6b1e-93d1-4e43-a8b4-5f1d0a7c2e96"


UNREADABLE_COMMAND: Final = "3f1a7c52-40a6-4d0f-8d57-6a1f0f5e9b7c"


LEAVE_ID: Final = "e0c32c92-7f84-589d-b914-652ca005d90a"


LOGOUT_ID: Final = "7e648598-20a8-5f06-96fc-b5450d2a99a9"


RESET_ID: Final = "8f6fc0f5-8cd3-528e-89a5-0aaaf03fbe24"


JOIN_ID: Final = "f7ddf1e0-b8f7-56f9-93bb-df10e2537a4a"


ACTIVATED: Final = "+442079460201"


DEACTIVATED: Final = "+442079460203"


REFUSED: Final = "+442079460202"


NOT_ACTIVATED: Final = "+442079460204"


HUNT_GROUP: Final = "acme-front-desk"


ACCOUNT: Final = "acme"


SITE: Final = "london-1"


REQUESTER: Final = "Ada, reception"


WEB_TIER: Final = "/web-tier"


TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def at(minute: int, second: int) -> datetime:
    """A time of the day on which the story takes place."""
    return datetime(2026, 11, 24, 9, minute, second, tzinfo=UTC)


class _CommandAttributes(TypedDict):
    id: str
    source: str
    subject: str
    time: datetime
    expirytime: datetime
    traceparent: str
    partitionkey: str
    data: messages.CommandData


class _Attributes(TypedDict):
    subject: str
    time: datetime
    correlationid: str
    causationid: str
    traceparent: str
    partitionkey: str


class _PbxFields(TypedDict):
    phone_number: str
    extension: str
    account_id: str
    site_id: str
    command_id: str
    sequence: int


def command_attributes(
    command_id: str, number: str, minute: int, *, preview: bool | None = None
) -> _CommandAttributes:
    """The attributes of a command that Ada's program sends in this minute."""
    return {
        "id": command_id,
        "source": WEB_TIER,
        "subject": number,
        "time": at(minute, 0),
        "expirytime": at(minute + 5, 0),
        "traceparent": TRACEPARENT,
        "partitionkey": f"{ACCOUNT}/{SITE}",
        "data": messages.CommandData(
            phone_number=number,
            account_id=ACCOUNT,
            site_id=SITE,
            requested_by=REQUESTER,
            preview=preview,
        ),
    }


def attributes(command_id: str, number: str, time: datetime) -> _Attributes:
    """The attributes of an event that follows from this command."""
    return {
        "subject": number,
        "time": time,
        "correlationid": command_id,
        "causationid": command_id,
        "traceparent": TRACEPARENT,
        "partitionkey": f"{ACCOUNT}/{SITE}",
    }


def pbx_fields(command_id: str, number: str, sequence: int) -> _PbxFields:
    """The fields that all messages about a number share."""
    return {
        "phone_number": number,
        "extension": number[-4:],
        "account_id": ACCOUNT,
        "site_id": SITE,
        "command_id": command_id,
        "sequence": sequence,
    }


DEACTIVATION_STEPS: Final = (
    (Step.HUNT_GROUP_MEMBERSHIP, LEAVE_ID),
    (Step.HANDSET_LOGOUT, LOGOUT_ID),
    (Step.EXTENSION_RESET, RESET_ID),
)


def unsent_step(step: Step, operation_id: str) -> messages.AwaitedStep:
    """A step that has just been decided."""
    return messages.AwaitedStep(
        step=step,
        operation_id=operation_id,
        waits_for="confirm",
        since=None,
        attempt=1,
        attempts_maximum=None,
    )


EXHAUSTED: Final = (
    "No voice service is free. Limit 3, active 3, pending 0: 3 + 0 + 1 is more than 3."
)


HOLDERS: Final = tuple(
    messages.ServiceHolder(phone_number=number, status=NumberStatus.ACTIVE)
    for number in ("+442079460200", ACTIVATED, DEACTIVATED)
)
