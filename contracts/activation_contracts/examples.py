"""One example of each message, with phone numbers that are reserved for fiction.

Ada of the account acme activates one number, deactivates another, and requests one more than her
account has voice services for. Before that, her program previews the last two. A test compares what
the worker publishes with what the core decides in these stories.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, TypedDict

from activation_contracts import messages
from activation_contracts.envelope import Envelope
from activation_contracts.messages.directory import (
    CallSettingsState,
    ConflictCode,
    HandsetLoginDeletion,
    HandsetLoginState,
    HuntGroupMemberDeletion,
    HuntGroupMemberState,
    PhoneNumberState,
    VoiceServiceState,
)
from activation_contracts.reading import ReadErrorCode
from activation_contracts.records import RecordKind
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import (
    EXTENSION_FEATURES,
    AccountKind,
    AftermathKind,
    AftermathState,
    AtDeadline,
    CallTarget,
    ChangedBy,
    DeviceKind,
    FailureCode,
    NumberStatus,
    Operation,
    Step,
    StepResult,
    Would,
)

__all__ = ["EXAMPLES"]

_ACTIVATION: Final = "8f2c1d3e-6b0a-4c55-9a77-0d6f1e2b3c41"
_DEACTIVATION: Final = "1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed"
_FAILING: Final = "6fa459ea-ee8a-4ca4-894e-db77e160355e"
_REJECTED_COMMAND: Final = "c56a4180-65aa-42ec-a945-5fd21dec0538"

_PREVIEW: Final = "4f6c2a51-7f0e-4a57-9d0b-3f7a2f0c6d18"
_REFUSED_PREVIEW: Final = "e2b1f3c4-0d5a-4b6e-8f7c-91a2b3c4d5e6"

_REPORT_ID: Final = "0c8f6b1e-93d1-4e43-a8b4-5f1d0a7c2e96"
_UNREADABLE_COMMAND: Final = "3f1a7c52-40a6-4d0f-8d57-6a1f0f5e9b7c"

_LEAVE_ID: Final = "e0c32c92-7f84-589d-b914-652ca005d90a"
_LOGOUT_ID: Final = "7e648598-20a8-5f06-96fc-b5450d2a99a9"
_RESET_ID: Final = "8f6fc0f5-8cd3-528e-89a5-0aaaf03fbe24"
_JOIN_ID: Final = "f7ddf1e0-b8f7-56f9-93bb-df10e2537a4a"
_ACTIVATED: Final = "+442079460201"
_DEACTIVATED: Final = "+442079460203"
_REFUSED: Final = "+442079460202"
_NOT_ACTIVATED: Final = "+442079460204"

_HUNT_GROUP: Final = "acme-front-desk"
_ACCOUNT: Final = "acme"
_SITE: Final = "london-1"
_REQUESTER: Final = "Ada, reception"
_WEB_TIER: Final = "/web-tier"
_TRACEPARENT: Final = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def _at(minute: int, second: int) -> datetime:
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


def _command(
    command_id: str, number: str, minute: int, *, preview: bool | None = None
) -> _CommandAttributes:
    return {
        "id": command_id,
        "source": _WEB_TIER,
        "subject": number,
        "time": _at(minute, 0),
        "expirytime": _at(minute + 5, 0),
        "traceparent": _TRACEPARENT,
        "partitionkey": f"{_ACCOUNT}/{_SITE}",
        "data": messages.CommandData(
            phone_number=number,
            account_id=_ACCOUNT,
            site_id=_SITE,
            requested_by=_REQUESTER,
            preview=preview,
        ),
    }


def _event(command_id: str, number: str, time: datetime) -> _Attributes:
    return {
        "subject": number,
        "time": time,
        "correlationid": command_id,
        "causationid": command_id,
        "traceparent": _TRACEPARENT,
        "partitionkey": f"{_ACCOUNT}/{_SITE}",
    }


def _pbx(command_id: str, number: str, sequence: int) -> _PbxFields:
    return {
        "phone_number": number,
        "extension": number[-4:],
        "account_id": _ACCOUNT,
        "site_id": _SITE,
        "command_id": command_id,
        "sequence": sequence,
    }


_DEACTIVATION_STEPS: Final = (
    (Step.HUNT_GROUP_MEMBERSHIP, _LEAVE_ID),
    (Step.HANDSET_LOGOUT, _LOGOUT_ID),
    (Step.EXTENSION_RESET, _RESET_ID),
)


def _unsent_step(step: Step, operation_id: str) -> messages.AwaitedStep:
    return messages.AwaitedStep(
        step=step,
        operation_id=operation_id,
        waits_for="confirm",
        since=None,
        attempt=1,
        attempts_maximum=None,
    )


_PENDING: Final = messages.StatusChanged(
    id="d108e9ae-3135-556b-96d4-e5e4f59aec6e",
    **_event(_DEACTIVATION, _DEACTIVATED, _at(10, 1)),
    data=messages.StatusChangedData(
        **_pbx(_DEACTIVATION, _DEACTIVATED, 7),
        status=NumberStatus.PENDING,
        previous_status=NumberStatus.ACTIVE,
        operation=ChangedBy.DEACTIVATE,
        requested_by=_REQUESTER,
        entitlement=messages.Entitlement(limit=3, active=2, pending=1),
        since=_at(10, 1),
        deadline=_at(15, 1),
        awaiting=tuple(
            _unsent_step(step, operation_id) for step, operation_id in _DEACTIVATION_STEPS
        ),
        at_deadline=AtDeadline.NEEDS_A_PERSON,
    ),
)

_DELAYED: Final = messages.OperationDelayed(
    id="5f9183d8-ef1e-5718-afbf-cc9d632db35a",
    **_event(_DEACTIVATION, _DEACTIVATED, _at(11, 2)),
    data=messages.OperationDelayedData(
        **_pbx(_DEACTIVATION, _DEACTIVATED, 7),
        status=NumberStatus.PENDING,
        operation=Operation.DEACTIVATE,
        requested_by=_REQUESTER,
        since=_at(10, 1),
        deadline=_at(15, 2),
        awaiting=(
            messages.AwaitedStep(
                step=Step.EXTENSION_RESET,
                operation_id=_RESET_ID,
                waits_for="result",
                since=_at(10, 2),
                attempt=5,
                attempts_maximum=9,
            ),
        ),
        at_deadline=AtDeadline.NEEDS_A_PERSON,
        message=(
            "The deactivation of +442079460203 is late. It waits for extension_reset (attempt 5"
            " of 9, sent at 2026-11-24 09:10:02 UTC, asked again at 2026-11-24 09:11:04 UTC). If"
            " that is not done by 2026-11-24 09:15:02 UTC, an operator must decide."
        ),
    ),
)

_FAILED: Final = messages.OperationFailed(
    id="a3544089-fb96-581a-bec6-339181e5b851",
    **_event(_FAILING, _NOT_ACTIVATED, _at(20, 4)),
    data=messages.OperationFailedData(
        **_pbx(_FAILING, _NOT_ACTIVATED, 2),
        status=NumberStatus.RESERVED,
        operation=Operation.ACTIVATE,
        requested_by=_REQUESTER,
        since=_at(20, 1),
        code=FailureCode.PBX_REFUSED,
        step=Step.ACTIVATION,
        pbx_code="EXTENSION_IN_USE",
        detail="The PBX answered activation (attempt 1) with refused, EXTENSION_IN_USE.",
        needs_a_person=False,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
    ),
)

_AFTERMATH: Final = messages.OperationAftermath(
    id="ba405308-2c2a-55d9-b2e6-4ebe27c90204",
    **_event(_ACTIVATION, _ACTIVATED, _at(1, 2)),
    data=messages.OperationAftermathData(
        **_pbx(_ACTIVATION, _ACTIVATED, 2),
        status=NumberStatus.ACTIVE,
        operation=Operation.ACTIVATE,
        requested_by=_REQUESTER,
        since=_at(0, 2),
        what=AftermathKind.HUNT_GROUP_JOIN,
        state=AftermathState.OUTSTANDING,
        awaiting=(
            messages.AwaitedStep(
                step=Step.HUNT_GROUP_MEMBERSHIP,
                operation_id=_JOIN_ID,
                waits_for="result",
                since=_at(0, 2),
                attempt=5,
                attempts_maximum=None,
            ),
        ),
        code=None,
        pbx_code=None,
        detail=(
            "The number is ACTIVE and its command has ended. The join waits for"
            " hunt_group_membership (attempt 5, sent at 2026-11-24 09:00:02 UTC, asked again at"
            " 2026-11-24 09:01:04 UTC). The worker asks again until it is done; `activation-worker"
            " resolve` ends it."
        ),
    ),
)

_RESULT: Final = messages.PbxResult(
    id="result-1",
    source="/pbx/london-1",
    data=messages.PbxResultData(operation_id=_RESET_ID, result=StepResult.DONE),
)

_REPORT: Final = messages.Report(
    id=_REPORT_ID,
    source=_WEB_TIER,
    time=_at(10, 1),
    data=messages.ReportData(account_id=_ACCOUNT, site_id=_SITE),
)

_SNAPSHOT: Final = messages.Snapshot(
    id="ceb3cf32-e436-54cc-a07b-d0408a60a837",
    time=_at(10, 1),
    correlationid=_REPORT_ID,
    causationid=_REPORT_ID,
    partitionkey=f"{_ACCOUNT}/{_SITE}",
    data=messages.SnapshotData(
        phone_number=None,
        account_id=_ACCOUNT,
        site_id=_SITE,
        numbers=(
            messages.ReportedNumber(
                phone_number=_ACTIVATED,
                account_id=_ACCOUNT,
                site_id=_SITE,
                extension=_ACTIVATED[-4:],
                status=NumberStatus.ACTIVE,
                sequence=2,
                main_number=False,
                assigned=True,
                operation=None,
            ),
            messages.ReportedNumber(
                phone_number=_DEACTIVATED,
                account_id=_ACCOUNT,
                site_id=_SITE,
                extension=_DEACTIVATED[-4:],
                status=NumberStatus.PENDING,
                sequence=7,
                main_number=False,
                assigned=False,
                operation=messages.OperationUnderWay(
                    operation=Operation.DEACTIVATE,
                    command_id=_DEACTIVATION,
                    since=_at(10, 1),
                    deadline=_at(15, 1),
                    awaiting=(_unsent_step(Step.EXTENSION_RESET, _RESET_ID),),
                    at_deadline=AtDeadline.NEEDS_A_PERSON,
                ),
            ),
        ),
        entitlement=messages.Entitlement(limit=3, active=2, pending=1),
        page=1,
        pages=1,
        as_of=_at(10, 1),
    ),
)

_UNREADABLE: Final = messages.MessageUnreadable(
    id="7a3c6e1a-94b5-5c0e-9f0d-52e6a4a1d3f8",
    time=_at(6, 1),
    correlationid=_UNREADABLE_COMMAND,
    causationid=_UNREADABLE_COMMAND,
    data=messages.MessageUnreadableData(
        id=_UNREADABLE_COMMAND,
        source=_WEB_TIER,
        code=ReadErrorCode.INVALID,
        detail="data.site_id: Field required (found an object)",
    ),
)

_ACTIVE: Final = messages.StatusChanged(
    id="b610aa9a-99cb-55a7-bd33-f35d7b21e4e8",
    **_event(_ACTIVATION, _ACTIVATED, _at(0, 2)),
    data=messages.StatusChangedData(
        **_pbx(_ACTIVATION, _ACTIVATED, 2),
        status=NumberStatus.ACTIVE,
        previous_status=NumberStatus.PENDING,
        operation=ChangedBy.ACTIVATE,
        requested_by=_REQUESTER,
        entitlement=messages.Entitlement(limit=3, active=3, pending=0),
    ),
)

_RESERVED: Final = messages.StatusChanged(
    id="0145f67b-da75-5d78-8bb5-31753415f9fa",
    **_event(_DEACTIVATION, _DEACTIVATED, _at(10, 2)),
    data=messages.StatusChangedData(
        **_pbx(_DEACTIVATION, _DEACTIVATED, 8),
        status=NumberStatus.RESERVED,
        previous_status=NumberStatus.PENDING,
        operation=ChangedBy.DEACTIVATE,
        requested_by=_REQUESTER,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
        settings_cleared=("call_forwarding_busy", "label", "voicemail"),
        pin_reset=True,
        manual_logout=(
            messages.ManualLogout(device_id="lobby-phone-1", device_kind=DeviceKind.ANALOGUE),
        ),
    ),
)

_EXHAUSTED: Final = (
    "No voice service is free. Limit 3, active 3, pending 0: 3 + 0 + 1 is more than 3."
)
_HOLDERS: Final = tuple(
    messages.ServiceHolder(phone_number=number, status=NumberStatus.ACTIVE)
    for number in ("+442079460200", _ACTIVATED, _DEACTIVATED)
)

_REJECTED: Final = messages.CommandRejected(
    id="b074e85c-b104-5719-8422-cbe7d04107f8",
    **_event(_REJECTED_COMMAND, _REFUSED, _at(5, 1)),
    data=messages.CommandRejectedData(
        command_id=_REJECTED_COMMAND,
        operation=Operation.ACTIVATE,
        phone_number=_REFUSED,
        account_id=_ACCOUNT,
        site_id=_SITE,
        code=RefusalCode.ENTITLEMENT_EXHAUSTED,
        message=_EXHAUSTED,
        status=NumberStatus.RESERVED,
        entitlement=messages.Entitlement(limit=3, active=3, pending=0),
        holders=_HOLDERS,
    ),
)

_PREVIEWED: Final = messages.Previewed(
    id="5796af4c-ebb7-59c5-8875-6c4037f31783",
    **_event(_PREVIEW, _DEACTIVATED, _at(9, 1)),
    data=messages.PreviewedData(
        command_id=_PREVIEW,
        operation=Operation.DEACTIVATE,
        phone_number=_DEACTIVATED,
        account_id=_ACCOUNT,
        site_id=_SITE,
        would=Would.BE_ACCEPTED,
        code=None,
        message="The number would become RESERVED, and lose its settings for good.",
        status=NumberStatus.RESERVED,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
        messages=(
            messages.PreviewedMessage(
                type="telephony.hunt_group.membership.v1",
                routing_key=f"hunt_group_membership.{_SITE}",
                data=messages.HuntGroupMembershipData(
                    **_pbx(_PREVIEW, _DEACTIVATED, 7), hunt_group_id=_HUNT_GROUP, action="remove"
                ),
            ),
            messages.PreviewedMessage(
                type="telephony.handset.logout.v1",
                routing_key=f"handset_logout.{_SITE}",
                data=messages.HandsetLogoutData(
                    **_pbx(_PREVIEW, _DEACTIVATED, 7),
                    device_id="handset-4711",
                    device_kind=DeviceKind.DIGITAL,
                ),
            ),
            messages.PreviewedMessage(
                type="telephony.extension.reset.v1",
                routing_key=f"extension_reset.{_SITE}",
                data=messages.ExtensionResetData(
                    **_pbx(_PREVIEW, _DEACTIVATED, 7), clear=EXTENSION_FEATURES
                ),
            ),
        ),
        settings_cleared=("call_forwarding_busy", "label", "voicemail"),
        manual_logout=(
            messages.ManualLogout(device_id="lobby-phone-1", device_kind=DeviceKind.ANALOGUE),
        ),
    ),
)

_PREVIEWED_REFUSAL: Final = messages.Previewed(
    id="5a66b9a4-7a01-59ab-babc-d6291d7d6a74",
    **_event(_REFUSED_PREVIEW, _REFUSED, _at(4, 1)),
    data=messages.PreviewedData(
        command_id=_REFUSED_PREVIEW,
        operation=Operation.ACTIVATE,
        phone_number=_REFUSED,
        account_id=_ACCOUNT,
        site_id=_SITE,
        would=Would.BE_REFUSED,
        code=RefusalCode.ENTITLEMENT_EXHAUSTED,
        message=_EXHAUSTED,
        status=NumberStatus.RESERVED,
        entitlement=messages.Entitlement(limit=3, active=3, pending=0),
        messages=(),
        holders=_HOLDERS,
    ),
)

_MANUAL_LOGOUT: Final = messages.ManualLogoutRequired(
    id="a6d1e591-9aab-59ca-9fef-32b71097404c",
    **_event(_DEACTIVATION, _DEACTIVATED, _at(10, 2)),
    data=messages.ManualLogoutRequiredData(
        phone_number=_DEACTIVATED,
        extension=_DEACTIVATED[-4:],
        account_id=_ACCOUNT,
        site_id=_SITE,
        device_id="lobby-phone-1",
        device_kind=DeviceKind.ANALOGUE,
        command_id=_DEACTIVATION,
        sequence=8,
    ),
)

_HANDSET_LOGOUT: Final = messages.HandsetLogout(
    id=_LOGOUT_ID,
    **_event(_DEACTIVATION, _DEACTIVATED, _at(10, 1)),
    data=messages.HandsetLogoutData(
        **_pbx(_DEACTIVATION, _DEACTIVATED, 7),
        device_id="handset-4711",
        device_kind=DeviceKind.DIGITAL,
    ),
)

_HUNT_GROUP_JOINED: Final = messages.HuntGroupMembership(
    id=_JOIN_ID,
    **_event(_ACTIVATION, _ACTIVATED, _at(0, 2)),
    data=messages.HuntGroupMembershipData(
        **_pbx(_ACTIVATION, _ACTIVATED, 2), hunt_group_id=_HUNT_GROUP, action="add"
    ),
)

_HUNT_GROUP_LEFT: Final = messages.HuntGroupMembership(
    id=_LEAVE_ID,
    **_event(_DEACTIVATION, _DEACTIVATED, _at(10, 1)),
    data=messages.HuntGroupMembershipData(
        **_pbx(_DEACTIVATION, _DEACTIVATED, 7), hunt_group_id=_HUNT_GROUP, action="remove"
    ),
)

_EXTENSION_RESET: Final = messages.ExtensionReset(
    id=_RESET_ID,
    **_event(_DEACTIVATION, _DEACTIVATED, _at(10, 1)),
    data=messages.ExtensionResetData(
        **_pbx(_DEACTIVATION, _DEACTIVATED, 7), clear=EXTENSION_FEATURES
    ),
)


_PLATFORM: Final = "/platform"
_ALLOCATION: Final = "4be0643f-1d98-573b-97cd-ca98a65347dd"


class _DirectoryAttributes(TypedDict):
    id: str
    source: str
    subject: str
    time: datetime


def _directory(message_id: str, subject: str) -> _DirectoryAttributes:
    return {"id": message_id, "source": _PLATFORM, "subject": subject, "time": _at(20, 0)}


_SERVICE_BOUGHT: Final = messages.VoiceService(
    **_directory("0f8fad5b-d9cb-469f-a165-70867728950e", "service-17"),
    data=VoiceServiceState(
        service_id="service-17",
        account_id=_ACCOUNT,
        account_kind=AccountKind.OCCUPIER,
        site_id=_SITE,
        quantity=5,
        version=3,
    ),
)

_NUMBER_ALLOCATED: Final = messages.PhoneNumberChange(
    **_directory(_ALLOCATION, _ACTIVATED),
    data=PhoneNumberState(
        phone_number=_ACTIVATED,
        site_id=_SITE,
        account_id=_ACCOUNT,
        extension=_ACTIVATED[-4:],
        version=12,
    ),
)

_CALLS_ROUTED: Final = messages.CallSettings(
    **_directory("7c9e6679-7425-40de-944b-e07fc1f90ae7", _ACTIVATED),
    data=CallSettingsState(
        phone_number=_ACTIVATED,
        hunt_group_id=_HUNT_GROUP,
        in_hours=CallTarget.HUNT_GROUP,
        out_of_hours=CallTarget.VOICEMAIL,
        unanswered=CallTarget.RECEPTION,
        version=1,
    ),
)

_MEMBER_TAKEN_OUT: Final = messages.HuntGroupMember(
    **_directory("16fd2706-8baf-433b-82eb-8c7fada847da", _ACTIVATED),
    data=HuntGroupMemberDeletion(
        hunt_group_id=_HUNT_GROUP, phone_number=_ACTIVATED, version=2, deleted=True
    ),
)

_MEMBER_PUT_IN: Final = messages.HuntGroupMember(
    **_directory("886313e1-3b8a-5372-9b90-0c9aee199e5d", _ACTIVATED),
    data=HuntGroupMemberState(hunt_group_id=_HUNT_GROUP, phone_number=_ACTIVATED, version=1),
)

_LOGGED_IN: Final = messages.HandsetLogin(
    **_directory("a8098c1a-f86e-11da-bd1a-00112444be1e", _ACTIVATED),
    data=HandsetLoginState(
        phone_number=_ACTIVATED,
        device_id="desk-0201",
        device_kind=DeviceKind.DIGITAL,
        version=1,
    ),
)

_LOGGED_OUT: Final = messages.HandsetLogin(
    **_directory("6ba7b810-9dad-41d1-80b4-00c04fd430c8", _ACTIVATED),
    data=HandsetLoginDeletion(
        phone_number=_ACTIVATED, device_id="desk-0201", version=2, deleted=True
    ),
)

_CONFLICT: Final = messages.DirectoryConflict(
    id="ff36253d-fdca-569c-a8c3-ec5cf92f0a37",
    **_event("2c5ea4c0-4067-41e9-8bad-9b1deb4d3b7d", _ACTIVATED, _at(21, 0)),
    data=messages.DirectoryConflictData(
        kind=RecordKind.PHONE_NUMBER,
        phone_number=_ACTIVATED,
        account_id=_ACCOUNT,
        site_id=_SITE,
        status=NumberStatus.ACTIVE,
        sequence=2,
        command_id="2c5ea4c0-4067-41e9-8bad-9b1deb4d3b7d",
        version=13,
        deleted=True,
        said={"phone_number": _ACTIVATED},
        code=ConflictCode.NUMBER_IN_USE,
        message=f"{_ACTIVATED} is ACTIVE and cannot be taken away: deactivate it first.",
    ),
)

_ACCOUNT_AT_SITE: Final = f"{_ACCOUNT}/{_SITE}"
_SERVICE_ENDED: Final = "a2c0a4f5-9c1e-4e6b-8a56-0d7f6a1c9b12"
_SERVICE_ADDED: Final = "d9b2d63d-a233-4123-847a-4d1f1f0b9c55"

_EXCEEDED: Final = messages.EntitlementExceeded(
    id="eeeb0bed-94e9-5759-aed1-5e2988b6a1df",
    **_event(_SERVICE_ENDED, _ACCOUNT_AT_SITE, _at(22, 0)),
    data=messages.EntitlementData(
        account_id=_ACCOUNT,
        site_id=_SITE,
        entitlement=messages.Entitlement(limit=1, active=2, pending=0),
    ),
)

_RESTORED: Final = messages.EntitlementRestored(
    id="8a890692-0d06-5836-a437-7d867f17f995",
    **_event(_SERVICE_ADDED, _ACCOUNT_AT_SITE, _at(23, 0)),
    data=messages.EntitlementData(
        account_id=_ACCOUNT,
        site_id=_SITE,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
    ),
)


def _named(*examples: tuple[str, Envelope]) -> dict[str, Envelope]:
    return {example.type + suffix: example for suffix, example in examples}


EXAMPLES: Final[Mapping[str, Envelope]] = _named(
    ("", messages.Activate(**_command(_ACTIVATION, _ACTIVATED, 0))),
    ("", messages.Deactivate(**_command(_DEACTIVATION, _DEACTIVATED, 10))),
    (".preview", messages.Deactivate(**_command(_PREVIEW, _DEACTIVATED, 9, preview=True))),
    ("", _PENDING),
    (".active", _ACTIVE),
    (".reserved", _RESERVED),
    ("", _REJECTED),
    ("", _PREVIEWED),
    (".refused", _PREVIEWED_REFUSAL),
    ("", _DELAYED),
    ("", _FAILED),
    ("", _AFTERMATH),
    ("", _MANUAL_LOGOUT),
    ("", _HANDSET_LOGOUT),
    ("", _HUNT_GROUP_LEFT),
    (".add", _HUNT_GROUP_JOINED),
    ("", _EXTENSION_RESET),
    ("", _RESULT),
    ("", _REPORT),
    ("", _SNAPSHOT),
    ("", _UNREADABLE),
    ("", _SERVICE_BOUGHT),
    ("", _NUMBER_ALLOCATED),
    ("", _CALLS_ROUTED),
    ("", _MEMBER_PUT_IN),
    (".deleted", _MEMBER_TAKEN_OUT),
    ("", _LOGGED_IN),
    (".deleted", _LOGGED_OUT),
    ("", _CONFLICT),
    ("", _EXCEEDED),
    ("", _RESTORED),
)
"""The example of each message by its type; further examples have a suffix."""
