"""The messages: one class for each type, and one for its payload."""

from activation_contracts.messages.accounts import (
    EntitlementData,
    EntitlementExceeded,
    EntitlementRestored,
)
from activation_contracts.messages.commands import (
    Activate,
    Command,
    CommandData,
    CommandMessage,
    Deactivate,
)
from activation_contracts.messages.directory import (
    CallSettings,
    DirectoryConflict,
    DirectoryConflictData,
    DirectoryMessage,
    HandsetLogin,
    HuntGroupMember,
    PhoneNumberChange,
    VoiceService,
)
from activation_contracts.messages.events import (
    HOLDERS_MAXIMUM,
    AwaitedStep,
    CommandRejected,
    CommandRejectedData,
    Entitlement,
    ManualLogout,
    ManualLogoutRequired,
    ManualLogoutRequiredData,
    ServiceHolder,
    StatusChanged,
    StatusChangedData,
)
from activation_contracts.messages.operations import (
    OperationAftermath,
    OperationAftermathData,
    OperationDelayed,
    OperationDelayedData,
    OperationFailed,
    OperationFailedData,
)
from activation_contracts.messages.pbx import (
    ExtensionReset,
    ExtensionResetData,
    HandsetLogout,
    HandsetLogoutData,
    HuntGroupMembership,
    HuntGroupMembershipData,
    PbxResult,
    PbxResultData,
)
from activation_contracts.messages.previews import (
    Previewed,
    PreviewedData,
    PreviewedExtensionReset,
    PreviewedHandsetLogout,
    PreviewedHuntGroupMembership,
    PreviewedMessage,
    PreviewedOther,
)
from activation_contracts.messages.replies import MessageUnreadable, MessageUnreadableData
from activation_contracts.messages.reports import (
    NUMBERS_PER_PAGE,
    OperationUnderWay,
    Report,
    ReportData,
    ReportedNumber,
    Snapshot,
    SnapshotData,
)

__all__ = [
    "HOLDERS_MAXIMUM",
    "NUMBERS_PER_PAGE",
    "Activate",
    "AwaitedStep",
    "CallSettings",
    "Command",
    "CommandData",
    "CommandMessage",
    "CommandRejected",
    "CommandRejectedData",
    "Deactivate",
    "DirectoryConflict",
    "DirectoryConflictData",
    "DirectoryMessage",
    "Entitlement",
    "EntitlementData",
    "EntitlementExceeded",
    "EntitlementRestored",
    "ExtensionReset",
    "ExtensionResetData",
    "HandsetLogin",
    "HandsetLogout",
    "HandsetLogoutData",
    "HuntGroupMember",
    "HuntGroupMembership",
    "HuntGroupMembershipData",
    "ManualLogout",
    "ManualLogoutRequired",
    "ManualLogoutRequiredData",
    "MessageUnreadable",
    "MessageUnreadableData",
    "OperationAftermath",
    "OperationAftermathData",
    "OperationDelayed",
    "OperationDelayedData",
    "OperationFailed",
    "OperationFailedData",
    "OperationUnderWay",
    "PbxResult",
    "PbxResultData",
    "PhoneNumberChange",
    "Previewed",
    "PreviewedData",
    "PreviewedExtensionReset",
    "PreviewedHandsetLogout",
    "PreviewedHuntGroupMembership",
    "PreviewedMessage",
    "PreviewedOther",
    "PublishedMessage",
    "Report",
    "ReportData",
    "ReportedNumber",
    "ServiceHolder",
    "Snapshot",
    "SnapshotData",
    "StatusChanged",
    "StatusChangedData",
    "VoiceService",
]

PublishedMessage = (
    StatusChanged
    | CommandRejected
    | OperationDelayed
    | OperationFailed
    | OperationAftermath
    | ManualLogoutRequired
    | HandsetLogout
    | HuntGroupMembership
    | ExtensionReset
    | DirectoryConflict
    | EntitlementExceeded
    | EntitlementRestored
)
"""All messages that the worker publishes through its outbox."""
