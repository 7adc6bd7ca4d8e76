"""The state of the fake PBX: applies requests according to docs/pbx.md and gives results."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from activation_contracts.building import pbx_result
from activation_contracts.fake_pbx.behaviour import Fault, Reaction, reaction_to
from activation_contracts.messages import (
    ExtensionReset,
    HandsetLogout,
    HuntGroupMembership,
    PbxResult,
    StatusChanged,
)
from activation_contracts.values import ChangedBy, NumberStatus, Step, StepResult

__all__ = [
    "MESSAGES",
    "STATES",
    "Attempt",
    "FakePbx",
    "PbxInput",
    "StepRequest",
    "step_request",
]

PbxInput = HandsetLogout | HuntGroupMembership | ExtensionReset | StatusChanged

MESSAGES: Final[dict[str, type[PbxInput]]] = {
    "telephony.handset.logout.v1": HandsetLogout,
    "telephony.hunt_group.membership.v1": HuntGroupMembership,
    "telephony.extension.reset.v1": ExtensionReset,
    "telephony.phone_number.status_changed.v1": StatusChanged,
}
"""The messages that a PBX reads, by type."""


STATES: Final = frozenset({"add", "remove", "logged out", "blank", "provisioned"})
"""The desired states that this PBX knows; a later version of the contracts may have others."""


class StepRequest(NamedTuple):
    """A request for a desired state."""

    step_id: str
    """The id of the message; the result names it as `operation_id`."""
    step: Step
    phone_number: str
    site_id: str
    sequence: int
    resource: tuple[str, ...]
    """What the sequence applies to: the membership of one group, the login at one handset."""
    state: str
    """The desired state of the resource."""


class Attempt(NamedTuple):
    """One attempt to carry out a request."""

    request: StepRequest
    number: int
    """From 1 on."""
    reaction: Reaction


class _Applied(NamedTuple):
    sequence: int
    state: str


def step_request(message: PbxInput) -> StepRequest | None:
    """The request in the message; None if it has none."""
    match message:
        case HuntGroupMembership():
            resource = ("hunt group", message.data.hunt_group_id)
            return _new_request(message, Step.HUNT_GROUP_MEMBERSHIP, resource, message.data.action)
        case HandsetLogout():
            resource = ("handset", message.data.device_id)
            return _new_request(message, Step.HANDSET_LOGOUT, resource, "logged out")
        case ExtensionReset():
            return _new_request(message, Step.EXTENSION_RESET, ("extension",), "blank")
        case StatusChanged():
            if (message.data.status, message.data.operation) != _ACTIVATION_REQUEST:
                return None
            # The same resource as a reset: a reset with a higher sequence outdates it.
            return _new_request(message, Step.ACTIVATION, ("extension",), "provisioned")


_ACTIVATION_REQUEST: Final = (NumberStatus.PENDING, ChangedBy.ACTIVATE)


def _new_request(
    message: PbxInput, step: Step, resource: tuple[str, ...], state: str
) -> StepRequest:
    data = message.data
    return StepRequest(
        step_id=message.id,
        step=step,
        phone_number=data.phone_number,
        site_id=data.site_id,
        sequence=data.sequence,
        resource=(data.phone_number, *resource),
        state=state,
    )


class FakePbx:
    """Carries out requests in memory.

    `run` makes the result ids of this process unique: a restarted fake PBX has lost its state, and
    must not publish a different result with an id that was used before.
    """

    def __init__(self, faults: Sequence[Fault], *, site_id: str | None, run: UUID) -> None:
        self._faults = faults
        self._site_id = site_id
        self._run = run
        self._applied: dict[tuple[str, ...], _Applied] = {}
        self._attempts: Counter[str] = Counter()

    def serves(self, request: StepRequest) -> bool:
        """Whether the request is for its site."""
        return self._site_id in {None, request.site_id}

    def is_outdated(self, request: StepRequest) -> bool:
        """Whether a newer request was applied. An outdated request must be dropped."""
        applied = self._applied.get(request.resource)
        return applied is not None and request.sequence < applied.sequence

    def begin(self, request: StepRequest, *, redelivered: bool) -> Attempt:
        """The attempt that begins with this delivery; a redelivery continues the last attempt."""
        if not (redelivered and self._attempts[request.step_id]):
            self._attempts[request.step_id] += 1
        number = self._attempts[request.step_id]
        reaction = reaction_to(self._faults, request.step, request.phone_number, attempt=number)
        return Attempt(request, number, reaction)

    def carry_out(self, attempt: Attempt, now: datetime) -> PbxResult:
        """Applies the request unless the reaction prevents it; returns the result."""
        result = attempt.reaction.result
        if attempt.request.state not in STATES:
            result = StepResult.REFUSED
        if result in {None, StepResult.DONE, StepResult.ALREADY}:
            applied = self._apply(attempt.request)
            result = result or applied
        return self._result(attempt, result, now)

    def _apply(self, request: StepRequest) -> StepResult:
        before = self._applied.get(request.resource)
        self._applied[request.resource] = _Applied(request.sequence, request.state)
        return StepResult.ALREADY if before and before.state == request.state else StepResult.DONE

    def _result(self, attempt: Attempt, result: StepResult, now: datetime) -> PbxResult:
        request = attempt.request
        return pbx_result(
            request.step_id,
            result,
            source=f"/pbx/{self._site_id or request.site_id}",
            code=attempt.reaction.code,
            id=str(uuid5(self._run, f"{attempt.number} {request.step_id}")),
            subject=request.phone_number,
            time=now.astimezone(UTC),
        )
