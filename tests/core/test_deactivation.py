"""Deactivation: PBX messages in order, then RESERVED: blank, allocated, its voice service free."""

import pytest
from activation_contracts.messages import (
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
from activation_contracts.values import (
    EXTENSION_FEATURES,
    AtDeadline,
    ChangedBy,
    DeviceKind,
    NumberStatus,
    Step,
)

from tests.support.data.builders import (
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
    complete_number,
    deactivate,
    decide_command,
    entitlement_of,
    pending_number,
    status_data,
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
    """The PBX messages of a deactivation of this number."""
    first, *rest = decide_command(number, deactivate()).messages
    assert isinstance(first, StatusChanged)
    return tuple(rest)


def test_pbx_messages_leave_groups_then_log_out_then_reset() -> None:
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


def test_a_blank_number_is_reset_too() -> None:
    (reset,) = to_pbx(ACTIVE)

    assert isinstance(reset, ExtensionReset)
    assert reset.data.clear == EXTENSION_FEATURES
    assert reset.data.reset_pin is True


def test_a_reset_clears_unknown_features_too() -> None:
    (reset,) = to_pbx(ACTIVE._replace(features=("hologram", "voicemail")))

    assert isinstance(reset, ExtensionReset)
    assert reset.data.clear == tuple(sorted((*EXTENSION_FEATURES, "hologram")))


@pytest.mark.parametrize("login", [FAX, LAPTOP])
def test_the_pbx_logs_out_digital_handsets_only(login: HandsetLogin) -> None:
    messages = to_pbx(ACTIVE_IN_FULL_USE._replace(logins=(login,)))

    assert [type(message) for message in messages] == [
        HuntGroupMembership,
        HuntGroupMembership,
        ExtensionReset,
    ]


def test_pending_event_lists_the_awaited_steps_in_order() -> None:
    decision = decide_command(ACTIVE_IN_FULL_USE, deactivate())

    ids = [message.id for message in decision.messages[1:]]
    steps = [Step.HUNT_GROUP_MEMBERSHIP] * 2 + [Step.HANDSET_LOGOUT] * 2 + [Step.EXTENSION_RESET]
    assert status_data(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.PENDING,
        previous_status=NumberStatus.ACTIVE,
        operation=ChangedBy.DEACTIVATE,
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


def test_a_pending_number_keeps_its_settings() -> None:
    number = pending_number(ACTIVE_IN_FULL_USE, deactivate())

    assert number._replace(ongoing=None) == ACTIVE_IN_FULL_USE._replace(
        status=NumberStatus.PENDING, sequence=8
    )


def test_reserved_event_lists_cleared_settings_and_frees_the_voice_service() -> None:
    decision = complete_number(pending_number(ACTIVE_IN_FULL_USE, deactivate()))

    assert decision.outcome is Outcome.COMPLETED
    assert status_data(decision) == StatusChangedData(
        phone_number=PHONE_NUMBER,
        account_id="acme",
        site_id="london",
        extension="101",
        status=NumberStatus.RESERVED,
        previous_status=NumberStatus.PENDING,
        operation=ChangedBy.DEACTIVATE,
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


def test_each_device_without_remote_logout_gets_a_manual_logout_message() -> None:
    reserved, *requests = complete_number(pending_number(ACTIVE_IN_FULL_USE, deactivate())).messages

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
            sequence=9,
        )
        for login in (FAX, LAPTOP)
    ]


def test_a_number_without_logins_needs_no_manual_logout() -> None:
    decision = complete_number(pending_number(ACTIVE, deactivate()))

    assert len(decision.messages) == 1
    assert status_data(decision).manual_logout == ()
    assert status_data(decision).settings_cleared == ()


def test_a_pending_deactivation_still_holds_its_voice_service() -> None:
    pending = entitlement_of(decide_command(ACTIVE, deactivate()))

    assert pending.active + pending.pending == USAGE.active + USAGE.pending


def test_a_reactivated_number_is_blank_and_still_allocated() -> None:
    reserved = complete_number(pending_number(ACTIVE_IN_FULL_USE, deactivate())).number
    assert reserved == RESERVED._replace(sequence=9)

    again = complete_number(pending_number(reserved, activate(command_id="again"))).number

    assert again == ACTIVE._replace(sequence=11)


def test_a_main_number_is_deactivated_without_a_logout() -> None:
    main_number = ACTIVE._replace(main_number=True)

    assert [type(message) for message in to_pbx(main_number)] == [ExtensionReset]
    ended = complete_number(pending_number(main_number, deactivate()))
    assert ended.number == RESERVED._replace(main_number=True, sequence=9)
    assert len(ended.messages) == 1


def test_cleared_call_settings_stand_in_the_reset_and_in_the_reserved_event() -> None:
    main_number = ACTIVE._replace(main_number=True, has_call_settings=True)

    (reset,) = to_pbx(main_number)
    assert isinstance(reset, ExtensionReset)
    assert "call_settings" in reset.data.clear
    ended = complete_number(pending_number(main_number, deactivate()))
    assert status_data(ended).settings_cleared == ("call_settings",)


def test_a_main_number_leaves_its_hunt_groups_too() -> None:
    leaving = to_pbx(ACTIVE._replace(main_number=True, hunt_groups=("evening",)))

    assert [message.subject for message in leaving] == [PHONE_NUMBER, PHONE_NUMBER]
    assert isinstance(leaving[0], HuntGroupMembership)


def test_an_account_over_its_limit_can_deactivate() -> None:
    decision = decide_command(ACTIVE, deactivate(), Usage(limit=1, active=3))

    assert status_data(decision).entitlement == Entitlement(limit=1, active=2, pending=1)
