"""Events about a number: its status, refusals, delays, failures, aftermath."""

from typing import Final

from activation_contracts import messages
from activation_contracts.examples.story import (
    ACCOUNT,
    ACTIVATED,
    ACTIVATION,
    DEACTIVATED,
    DEACTIVATION,
    DEACTIVATION_STEPS,
    EXHAUSTED,
    FAILING,
    HOLDERS,
    JOIN_ID,
    NOT_ACTIVATED,
    REFUSED,
    REJECTED_COMMAND,
    REQUESTER,
    RESET_ID,
    SITE,
    at,
    attributes,
    pbx_fields,
    unsent_step,
)
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import (
    AftermathKind,
    AftermathState,
    AtDeadline,
    ChangedBy,
    DeviceKind,
    FailureCode,
    NumberStatus,
    Operation,
    Step,
)

__all__ = [
    "ACTIVE",
    "AFTERMATH",
    "DELAYED",
    "FAILED",
    "MANUAL_LOGOUT",
    "PENDING",
    "REJECTED",
    "RESERVED",
]

PENDING: Final = messages.StatusChanged(
    id="d108e9ae-3135-556b-96d4-e5e4f59aec6e",
    **attributes(DEACTIVATION, DEACTIVATED, at(10, 1)),
    data=messages.StatusChangedData(
        **pbx_fields(DEACTIVATION, DEACTIVATED, 7),
        status=NumberStatus.PENDING,
        previous_status=NumberStatus.ACTIVE,
        operation=ChangedBy.DEACTIVATE,
        requested_by=REQUESTER,
        entitlement=messages.Entitlement(limit=3, active=2, pending=1),
        since=at(10, 1),
        deadline=at(15, 1),
        awaiting=tuple(
            unsent_step(step, operation_id) for step, operation_id in DEACTIVATION_STEPS
        ),
        at_deadline=AtDeadline.NEEDS_A_PERSON,
    ),
)


ACTIVE: Final = messages.StatusChanged(
    id="b610aa9a-99cb-55a7-bd33-f35d7b21e4e8",
    **attributes(ACTIVATION, ACTIVATED, at(0, 2)),
    data=messages.StatusChangedData(
        **pbx_fields(ACTIVATION, ACTIVATED, 2),
        status=NumberStatus.ACTIVE,
        previous_status=NumberStatus.PENDING,
        operation=ChangedBy.ACTIVATE,
        requested_by=REQUESTER,
        entitlement=messages.Entitlement(limit=3, active=3, pending=0),
    ),
)


RESERVED: Final = messages.StatusChanged(
    id="0145f67b-da75-5d78-8bb5-31753415f9fa",
    **attributes(DEACTIVATION, DEACTIVATED, at(10, 2)),
    data=messages.StatusChangedData(
        **pbx_fields(DEACTIVATION, DEACTIVATED, 8),
        status=NumberStatus.RESERVED,
        previous_status=NumberStatus.PENDING,
        operation=ChangedBy.DEACTIVATE,
        requested_by=REQUESTER,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
        settings_cleared=("call_forwarding_busy", "label", "voicemail"),
        pin_reset=True,
        manual_logout=(
            messages.ManualLogout(device_id="lobby-phone-1", device_kind=DeviceKind.ANALOGUE),
        ),
    ),
)


REJECTED: Final = messages.CommandRejected(
    id="b074e85c-b104-5719-8422-cbe7d04107f8",
    **attributes(REJECTED_COMMAND, REFUSED, at(5, 1)),
    data=messages.CommandRejectedData(
        command_id=REJECTED_COMMAND,
        operation=Operation.ACTIVATE,
        phone_number=REFUSED,
        account_id=ACCOUNT,
        site_id=SITE,
        code=RefusalCode.ENTITLEMENT_EXHAUSTED,
        message=EXHAUSTED,
        status=NumberStatus.RESERVED,
        entitlement=messages.Entitlement(limit=3, active=3, pending=0),
        holders=HOLDERS,
    ),
)


DELAYED: Final = messages.OperationDelayed(
    id="5f9183d8-ef1e-5718-afbf-cc9d632db35a",
    **attributes(DEACTIVATION, DEACTIVATED, at(11, 2)),
    data=messages.OperationDelayedData(
        **pbx_fields(DEACTIVATION, DEACTIVATED, 7),
        status=NumberStatus.PENDING,
        operation=Operation.DEACTIVATE,
        requested_by=REQUESTER,
        since=at(10, 1),
        deadline=at(15, 2),
        awaiting=(
            messages.AwaitedStep(
                step=Step.EXTENSION_RESET,
                operation_id=RESET_ID,
                waits_for="result",
                since=at(10, 2),
                attempt=5,
                attempts_maximum=9,
            ),
        ),
        at_deadline=AtDeadline.NEEDS_A_PERSON,
        message=(
            "The deactivation of +442079460203 is late. It waits for extension_reset (attempt 5,"
            " up to 4 more on retry_later, sent at 2026-11-24 09:10:02 UTC, to be asked again at"
            " 2026-11-24 09:11:04 UTC). If that is not done by 2026-11-24 09:15:02 UTC, an operator"
            " must decide."
        ),
    ),
)


FAILED: Final = messages.OperationFailed(
    id="a3544089-fb96-581a-bec6-339181e5b851",
    **attributes(FAILING, NOT_ACTIVATED, at(20, 4)),
    data=messages.OperationFailedData(
        **pbx_fields(FAILING, NOT_ACTIVATED, 2),
        status=NumberStatus.RESERVED,
        operation=Operation.ACTIVATE,
        requested_by=REQUESTER,
        since=at(20, 1),
        code=FailureCode.PBX_REFUSED,
        step=Step.ACTIVATION,
        pbx_code="EXTENSION_IN_USE",
        detail="The PBX answered activation (attempt 1) with refused, EXTENSION_IN_USE.",
        needs_a_person=False,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
    ),
)


AFTERMATH: Final = messages.OperationAftermath(
    id="ba405308-2c2a-55d9-b2e6-4ebe27c90204",
    **attributes(ACTIVATION, ACTIVATED, at(1, 2)),
    data=messages.OperationAftermathData(
        **pbx_fields(ACTIVATION, ACTIVATED, 2),
        status=NumberStatus.ACTIVE,
        operation=Operation.ACTIVATE,
        requested_by=REQUESTER,
        since=at(0, 2),
        what=AftermathKind.HUNT_GROUP_JOIN,
        state=AftermathState.OUTSTANDING,
        awaiting=(
            messages.AwaitedStep(
                step=Step.HUNT_GROUP_MEMBERSHIP,
                operation_id=JOIN_ID,
                waits_for="result",
                since=at(0, 2),
                attempt=5,
                attempts_maximum=None,
            ),
        ),
        code=None,
        pbx_code=None,
        detail=(
            "The number is ACTIVE and its command has ended. The join waits for"
            " hunt_group_membership (attempt 5, sent at 2026-11-24 09:00:02 UTC, to be asked again"
            " at 2026-11-24 09:01:04 UTC). The worker asks again until it is done;"
            " `activation-worker resolve` ends it."
        ),
    ),
)


MANUAL_LOGOUT: Final = messages.ManualLogoutRequired(
    id="a6d1e591-9aab-59ca-9fef-32b71097404c",
    **attributes(DEACTIVATION, DEACTIVATED, at(10, 2)),
    data=messages.ManualLogoutRequiredData(
        phone_number=DEACTIVATED,
        extension=DEACTIVATED[-4:],
        account_id=ACCOUNT,
        site_id=SITE,
        device_id="lobby-phone-1",
        device_kind=DeviceKind.ANALOGUE,
        command_id=DEACTIVATION,
        sequence=8,
    ),
)
