"""Which PBX message asks for which step, and what ends the wait for it."""

from collections.abc import Iterable
from typing import Final

from contracts.messages import ExtensionReset, HandsetLogout, HuntGroupMembership
from contracts.values import Step
from worker.core.operation import PbxStep, Policy

__all__ = ["STEPS", "PbxMessage", "step_of", "steps_of"]

PbxMessage = HandsetLogout | HuntGroupMembership | ExtensionReset

STEPS: Final[dict[type[PbxMessage], Step]] = {
    HuntGroupMembership: Step.HUNT_GROUP_MEMBERSHIP,
    HandsetLogout: Step.HANDSET_LOGOUT,
    ExtensionReset: Step.EXTENSION_RESET,
}


def step_of(step: Step, operation_id: str, policy: Policy) -> PbxStep:
    """The step that the message with this id asks for, not yet sent."""
    if step not in policy.awaited_steps:
        return PbxStep(operation_id, step, "confirm")
    return PbxStep(operation_id, step, "result", attempts_maximum=policy.attempts_maximum)


def steps_of(messages: Iterable[PbxMessage], policy: Policy) -> tuple[PbxStep, ...]:
    """The steps that these messages ask for, in the same order."""
    return tuple(step_of(STEPS[type(message)], message.id, policy) for message in messages)
