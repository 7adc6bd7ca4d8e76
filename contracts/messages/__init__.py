"""The messages: one class for each type, and one for its payload."""

from contracts.messages.accounts import (
    EntitlementData,
    EntitlementExceeded,
    EntitlementRestored,
)
from contracts.messages.commands import Activate, Command, CommandData, CommandMessage, Deactivate
from contracts.messages.directory import (
    CallSettings,
    DirectoryConflict,
    DirectoryConflictData,
    DirectoryMessage,
    HandsetLogin,
    HuntGroupMember,
    PhoneNumberChange,
    VoiceService,
)
from contracts.messages.events import (
    AwaitedStep,
    CommandRejected,
    CommandRejectedData,
    Entitlement,
    ManualLogout,
    ManualLogoutRequired,
    ManualLogoutRequiredData,
    OperationAftermath,
    OperationAftermathData,
    OperationDelayed,
    OperationDelayedData,
    OperationFailed,
    OperationFailedData,
    StatusChanged,
    StatusChangedData,
)
from contracts.messages.pbx import (
    ExtensionReset,
    ExtensionResetData,
    HandsetLogout,
    HandsetLogoutData,
    HuntGroupMembership,
    HuntGroupMembershipData,
    PbxResult,
    PbxResultData,
)
from contracts.messages.replies import MessageUnreadable, MessageUnreadableData

__all__ = [
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
    "PbxResult",
    "PbxResultData",
    "PhoneNumberChange",
    "PublishedMessage",
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
"""All messages that the worker publishes."""
