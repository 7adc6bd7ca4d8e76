"""Answers: to previews, to reports, and to what cannot be read."""

from typing import Final

from activation_contracts import messages
from activation_contracts.examples.story import (
    ACCOUNT,
    ACTIVATED,
    DEACTIVATED,
    DEACTIVATION,
    EXHAUSTED,
    HOLDERS,
    HUNT_GROUP,
    PREVIEW,
    REFUSED,
    REFUSED_PREVIEW,
    REPORT_ID,
    RESET_ID,
    SITE,
    UNREADABLE_COMMAND,
    WEB_TIER,
    at,
    attributes,
    pbx_fields,
    unsent_step,
)
from activation_contracts.reading import ReadErrorCode
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import (
    EXTENSION_FEATURES,
    AtDeadline,
    DeviceKind,
    NumberStatus,
    Operation,
    Step,
    Would,
)

__all__ = ["PREVIEWED", "PREVIEWED_REFUSAL", "REPORT", "SNAPSHOT", "UNREADABLE"]

PREVIEWED: Final = messages.Previewed(
    id="5796af4c-ebb7-59c5-8875-6c4037f31783",
    **attributes(PREVIEW, DEACTIVATED, at(9, 1)),
    data=messages.PreviewedData(
        command_id=PREVIEW,
        operation=Operation.DEACTIVATE,
        phone_number=DEACTIVATED,
        account_id=ACCOUNT,
        site_id=SITE,
        would=Would.BE_ACCEPTED,
        code=None,
        message="The number would become RESERVED, and lose its settings for good.",
        status=NumberStatus.RESERVED,
        entitlement=messages.Entitlement(limit=3, active=2, pending=0),
        messages=(
            messages.PreviewedHuntGroupMembership(
                routing_key=f"hunt_group_membership.{SITE}",
                data=messages.HuntGroupMembershipData(
                    **pbx_fields(PREVIEW, DEACTIVATED, 7), hunt_group_id=HUNT_GROUP, action="remove"
                ),
            ),
            messages.PreviewedHandsetLogout(
                routing_key=f"handset_logout.{SITE}",
                data=messages.HandsetLogoutData(
                    **pbx_fields(PREVIEW, DEACTIVATED, 7),
                    device_id="handset-4711",
                    device_kind=DeviceKind.DIGITAL,
                ),
            ),
            messages.PreviewedExtensionReset(
                routing_key=f"extension_reset.{SITE}",
                data=messages.ExtensionResetData(
                    **pbx_fields(PREVIEW, DEACTIVATED, 7), clear=EXTENSION_FEATURES
                ),
            ),
        ),
        settings_cleared=("call_forwarding_busy", "label", "voicemail"),
        manual_logout=(
            messages.ManualLogout(device_id="lobby-phone-1", device_kind=DeviceKind.ANALOGUE),
        ),
    ),
)


PREVIEWED_REFUSAL: Final = messages.Previewed(
    id="5a66b9a4-7a01-59ab-babc-d6291d7d6a74",
    **attributes(REFUSED_PREVIEW, REFUSED, at(4, 1)),
    data=messages.PreviewedData(
        command_id=REFUSED_PREVIEW,
        operation=Operation.ACTIVATE,
        phone_number=REFUSED,
        account_id=ACCOUNT,
        site_id=SITE,
        would=Would.BE_REFUSED,
        code=RefusalCode.ENTITLEMENT_EXHAUSTED,
        message=EXHAUSTED,
        status=NumberStatus.RESERVED,
        entitlement=messages.Entitlement(limit=3, active=3, pending=0),
        messages=(),
        holders=HOLDERS,
    ),
)


REPORT: Final = messages.Report(
    id=REPORT_ID,
    source=WEB_TIER,
    time=at(10, 1),
    data=messages.ReportData(account_id=ACCOUNT, site_id=SITE),
)


SNAPSHOT: Final = messages.Snapshot(
    id="ceb3cf32-e436-54cc-a07b-d0408a60a837",
    time=at(10, 1),
    correlationid=REPORT_ID,
    causationid=REPORT_ID,
    partitionkey=f"{ACCOUNT}/{SITE}",
    data=messages.SnapshotData(
        phone_number=None,
        account_id=ACCOUNT,
        site_id=SITE,
        numbers=(
            messages.ReportedNumber(
                phone_number=ACTIVATED,
                account_id=ACCOUNT,
                site_id=SITE,
                extension=ACTIVATED[-4:],
                status=NumberStatus.ACTIVE,
                sequence=2,
                main_number=False,
                assigned=True,
                operation=None,
            ),
            messages.ReportedNumber(
                phone_number=DEACTIVATED,
                account_id=ACCOUNT,
                site_id=SITE,
                extension=DEACTIVATED[-4:],
                status=NumberStatus.PENDING,
                sequence=7,
                main_number=False,
                assigned=False,
                operation=messages.OperationUnderWay(
                    operation=Operation.DEACTIVATE,
                    command_id=DEACTIVATION,
                    since=at(10, 1),
                    deadline=at(15, 1),
                    awaiting=(unsent_step(Step.EXTENSION_RESET, RESET_ID),),
                    at_deadline=AtDeadline.NEEDS_A_PERSON,
                ),
            ),
        ),
        entitlement=messages.Entitlement(limit=3, active=2, pending=1),
        page=1,
        pages=1,
        as_of=at(10, 1),
    ),
)


UNREADABLE: Final = messages.MessageUnreadable(
    id="7a3c6e1a-94b5-5c0e-9f0d-52e6a4a1d3f8",
    time=at(6, 1),
    correlationid=UNREADABLE_COMMAND,
    causationid=UNREADABLE_COMMAND,
    data=messages.MessageUnreadableData(
        id=UNREADABLE_COMMAND,
        source=WEB_TIER,
        code=ReadErrorCode.INVALID,
        detail="data.site_id: Field required (found an object)",
    ),
)
