"""The steps that PBX messages request, and what completes each step."""

from collections.abc import Iterable
from typing import Final

from activation_contracts.messages import ExtensionReset, HandsetLogout, HuntGroupMembership
from activation_contracts.values import Step

from worker.core.operations.operation import PbxStep, Policy

__all__ = ["STEPS", "PbxMessage", "new_step", "new_steps"]

PbxMessage = HandsetLogout | HuntGroupMembership | ExtensionReset

STEPS: Final[dict[type[PbxMessage], Step]] = {
    HuntGroupMembership: Step.HUNT_GROUP_MEMBERSHIP,
    HandsetLogout: Step.HANDSET_LOGOUT,
    ExtensionReset: Step.EXTENSION_RESET,
}
"""Which step each PBX message requests. ACTIVATION has none: its PENDING event requests it."""


def new_step(step: Step, step_id: str, policy: Policy) -> PbxStep:
    """An unsent step; `step_id` is the id of the message that requests it."""
    if step not in policy.awaited_steps:
        return PbxStep(step_id, step, "confirm")
    return PbxStep(step_id, step, "result", attempts_maximum=policy.attempts_maximum)


def new_steps(messages: Iterable[PbxMessage], policy: Policy) -> tuple[PbxStep, ...]:
    """The unsent steps that these messages request, in the same order."""
    return tuple(new_step(STEPS[type(message)], message.id, policy) for message in messages)
