"""Messages for PBX systems, and a result."""

from typing import Final

from activation_contracts import messages
from activation_contracts.examples.story import (
    ACTIVATED,
    ACTIVATION,
    DEACTIVATED,
    DEACTIVATION,
    HUNT_GROUP,
    JOIN_ID,
    LEAVE_ID,
    LOGOUT_ID,
    RESET_ID,
    at,
    attributes,
    pbx_fields,
)
from activation_contracts.values import (
    EXTENSION_FEATURES,
    DeviceKind,
    StepResult,
)

__all__ = ["EXTENSION_RESET", "HANDSET_LOGOUT", "HUNT_GROUP_JOINED", "HUNT_GROUP_LEFT", "RESULT"]

RESULT: Final = messages.PbxResult(
    id="result-1",
    source="/pbx/london-1",
    data=messages.PbxResultData(operation_id=RESET_ID, result=StepResult.DONE),
)


HANDSET_LOGOUT: Final = messages.HandsetLogout(
    id=LOGOUT_ID,
    **attributes(DEACTIVATION, DEACTIVATED, at(10, 1)),
    data=messages.HandsetLogoutData(
        **pbx_fields(DEACTIVATION, DEACTIVATED, 7),
        device_id="handset-4711",
        device_kind=DeviceKind.DIGITAL,
    ),
)


HUNT_GROUP_JOINED: Final = messages.HuntGroupMembership(
    id=JOIN_ID,
    **attributes(ACTIVATION, ACTIVATED, at(0, 2)),
    data=messages.HuntGroupMembershipData(
        **pbx_fields(ACTIVATION, ACTIVATED, 2), hunt_group_id=HUNT_GROUP, action="add"
    ),
)


HUNT_GROUP_LEFT: Final = messages.HuntGroupMembership(
    id=LEAVE_ID,
    **attributes(DEACTIVATION, DEACTIVATED, at(10, 1)),
    data=messages.HuntGroupMembershipData(
        **pbx_fields(DEACTIVATION, DEACTIVATED, 7), hunt_group_id=HUNT_GROUP, action="remove"
    ),
)


EXTENSION_RESET: Final = messages.ExtensionReset(
    id=RESET_ID,
    **attributes(DEACTIVATION, DEACTIVATED, at(10, 1)),
    data=messages.ExtensionResetData(
        **pbx_fields(DEACTIVATION, DEACTIVATED, 7), clear=EXTENSION_FEATURES
    ),
)
