"""Deactivation: taken down at the PBX in order, then blank, still allocated, its service free."""

import pytest

from contracts.messages import (
    AwaitedStep,
    Entitlement,
    ExtensionReset,
    ExtensionResetData,
    HandsetLogoutData,
    HuntGroupMembership,
    HuntGroupMembershipData,
    ManualLogout,
    ManualLogoutRequired,
    ManualLogoutRequiredData,
    PublishedMessage,
    StatusChanged,
    StatusChangedData,
)
from contracts.values import (
    EXTENSION_FEATURES,
    AtDeadline,
    DeviceKind,
    NumberStatus,
    Operation,
    Step,
)
from tests.support.builders import (
    ACTIVE,
    ACTIVE_IN_FULL_USE,
    FAX,
    LAPTOP,
    NOW,
    PHONE_NUMBER,
    POLICY,
    RESERVED,
    USAGE,
    activate,
    begun,
    completed,
    deactivate,
    decided,
    status_said,
)
from worker.core.decision import Outcome
from worker.core.situation import HandsetLogin, Number, Usage

PBX_COMMON = {
    "phone_number": PHONE_NUMBER,
    "extension": "101",
    "account_id": "acme",
    "site_id": "london",
    "command_id": "command-2",
    "sequence": 8,
}


def to_pbx(number: Number) -> tuple[PublishedMessage, ...]:
    """What the PBX is told when the deactivation of this number begins."""
    first, *rest = decided(number, deactivate()).messages
    assert isinstance(first, StatusChanged)
    return tuple(rest)


def test_the_pbx_is_told_to_leave_groups_then_to_log_out_then_to_reset() -> None:
    assert [message.data for message in to_pbx(ACTIVE_IN_FULL_USE)] == [
        HuntGroupMembershipData.model_validate(
            {**PBX_COMMON, "hunt_group_id": "evening", "action": "remove"}
        ),
        HuntGroupMembershipData.model_validate(
            {**PBX_COMMON, "hunt_group_id": "morning", "action": "remove"}
        ),
        HandsetLogoutData.model_validate(
            {**PBX_COMMON, "device_id": "desk", "device_kind": DeviceKind.DIGITAL}
        ),
        HandsetLogoutData.model_validate(
            {**PBX_COMMON, "device_id": "lobby", "device_kind": DeviceKind.DIGITAL}
        ),
        ExtensionResetData.model_validate({**PBX_COMMON, "clear": EXTENSION_FEATURES}),
    ]


def test_a_number_that_nobody_used_is_reset_all_the_same() -> None:
    (reset,) = to_pbx(ACTIVE)

    assert isinstance(reset, ExtensionReset)
    assert reset.data.clear == EXTENSION_FEATURES
    assert reset.data.reset_pin is True


def test_a_reset_also_clears_a_feature_that_this_version_does_not_know() -> None:
    (reset,) = to_pbx(ACTIVE._replace(features=("hologram", "voicemail")))

    assert isinstance(reset, ExtensionReset)
    assert reset.data.clear == tuple(sorted((*EXTENSION_FEATURES, "hologram")))


@pytest.mark.parametrize("login", [FAX, LAPTOP])
def test_the_pbx_is_not_told_to_log_out_what_only_a_person_can(login: HandsetLogin) -> None:
    messages = to_pbx(ACTIVE_IN_FULL_USE._replace(logins=(login,)))

    assert [type(message) for message in messages] == [
        HuntGroupMembership,
        HuntGroupMembership,
        ExtensionReset,
    ]


def test_pending_names_each_step_that_it_waits_for_in_its_order() -> None:
    decision = decided(ACTIVE_IN_FULL_USE, deactivate())

    ids = [message.id for message in decision.messages[1:]]
    steps = [Step.HUNT_GROUP_MEMBERSHIP] * 2 + [Step.HANDSET_LOGOUT] * 2 + [Step.EXTENSION_RESET]
    assert status_said(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.PENDING,
        previous_status=NumberStatus.ACTIVE,
        operation=Operation.DEACTIVATE,
        command_id="command-2",
        requested_by="Ada",
        sequence=8,
        entitlement=Entitlement(limit=10, active=2, pending=2),
        since=NOW,
        deadline=NOW + POLICY.time_allowed,
        awaiting=tuple(
            AwaitedStep(
                step=step,
                operation_id=message_id,
                waits_for="confirm",
                since=None,
                attempt=1,
                attempts_maximum=None,
            )
            for step, message_id in zip(steps, ids, strict=True)
        ),
        at_deadline=AtDeadline.NEEDS_A_PERSON,
    )


def test_a_pending_number_keeps_its_settings_until_all_is_done() -> None:
    number = begun(ACTIVE_IN_FULL_USE, deactivate())

    assert number._replace(ongoing=None) == ACTIVE_IN_FULL_USE._replace(
        status=NumberStatus.PENDING, sequence=8
    )


def test_reserved_names_what_was_cleared_and_frees_the_voice_service() -> None:
    decision = completed(begun(ACTIVE_IN_FULL_USE, deactivate()))

    assert decision.outcome is Outcome.COMPLETED
    assert status_said(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.RESERVED,
        previous_status=NumberStatus.PENDING,
        operation=Operation.DEACTIVATE,
        command_id="command-2",
        requested_by="Ada",
        sequence=9,
        entitlement=Entitlement(limit=10, active=3, pending=0),
        settings_cleared=("call_waiting", "label", "voicemail"),
        pin_reset=True,
        manual_logout=(
            ManualLogout(device_id="fax", device_kind=DeviceKind.ANALOGUE),
            ManualLogout(device_id="laptop", device_kind=DeviceKind.SOFTPHONE),
        ),
    )


def test_a_person_is_asked_to_log_out_each_device_that_cannot_be_told() -> None:
    reserved, *requests = completed(begun(ACTIVE_IN_FULL_USE, deactivate())).messages

    assert isinstance(reserved, StatusChanged)
    assert all(isinstance(request, ManualLogoutRequired) for request in requests)
    assert [request.data for request in requests] == [
        ManualLogoutRequiredData(
            phone_number=PHONE_NUMBER,
            extension="101",
            account_id="acme",
            site_id="london",
            device_id=login.device_id,
            device_kind=login.device_kind,
            command_id="command-2",
        )
        for login in (FAX, LAPTOP)
    ]


def test_a_number_without_such_devices_asks_nobody_for_anything() -> None:
    decision = completed(begun(ACTIVE, deactivate()))

    assert len(decision.messages) == 1
    assert status_said(decision).manual_logout == ()
    assert status_said(decision).settings_cleared == ()


def test_the_service_stays_taken_while_the_deactivation_is_under_way() -> None:
    pending = status_said(decided(ACTIVE, deactivate())).entitlement

    assert pending.active + pending.pending == USAGE.active + USAGE.pending


def test_the_number_is_blank_and_still_allocated_when_it_is_activated_again() -> None:
    reserved = completed(begun(ACTIVE_IN_FULL_USE, deactivate())).number
    assert reserved == RESERVED._replace(sequence=9)

    again = completed(begun(reserved, activate(command_id="again"))).number

    assert again == ACTIVE._replace(sequence=11)


def test_a_main_number_is_taken_down_without_any_logout() -> None:
    main_number = ACTIVE._replace(main_number=True)

    assert [type(message) for message in to_pbx(main_number)] == [ExtensionReset]
    ended = completed(begun(main_number, deactivate()))
    assert ended.number == RESERVED._replace(main_number=True, sequence=9)
    assert len(ended.messages) == 1


def test_a_main_number_that_loses_its_call_settings_says_so_to_the_pbx_and_to_all() -> None:
    main_number = ACTIVE._replace(main_number=True, has_call_settings=True)

    (reset,) = to_pbx(main_number)
    assert isinstance(reset, ExtensionReset)
    assert "call_settings" in reset.data.clear
    ended = completed(begun(main_number, deactivate()))
    assert status_said(ended).settings_cleared == ("call_settings",)


def test_a_main_number_leaves_the_hunt_group_that_somebody_put_it_into() -> None:
    leaving = to_pbx(ACTIVE._replace(main_number=True, hunt_groups=("evening",)))

    assert [message.subject for message in leaving] == [PHONE_NUMBER, PHONE_NUMBER]
    assert isinstance(leaving[0], HuntGroupMembership)


def test_an_account_with_too_few_services_can_always_deactivate() -> None:
    decision = decided(ACTIVE, deactivate(), Usage(limit=1, active=3))

    assert status_said(decision).entitlement == Entitlement(limit=1, active=2, pending=1)
