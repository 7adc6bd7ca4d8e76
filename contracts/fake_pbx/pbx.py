"""The fake PBX itself: what it was told, by the rules of docs/pbx.md, and what it answers."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid5

from contracts.fake_pbx.behaviour import Fault, Reaction, reaction_to
from contracts.messages import (
    ExtensionReset,
    HandsetLogout,
    HuntGroupMembership,
    PbxResult,
    PbxResultData,
    StatusChanged,
)
from contracts.values import NumberStatus, Operation, Step, StepResult

__all__ = ["MESSAGES", "FakePbx", "Heard", "Request", "Task", "request_of"]

Heard = HandsetLogout | HuntGroupMembership | ExtensionReset | StatusChanged

MESSAGES: Final[dict[str, type[Heard]]] = {
    "telephony.handset.logout.v1": HandsetLogout,
    "telephony.hunt_group.membership.v1": HuntGroupMembership,
    "telephony.extension.reset.v1": ExtensionReset,
    "telephony.phone_number.status_changed.v1": StatusChanged,
}
"""What it reads, by type."""


class Request(NamedTuple):
    """A wished end state."""

    operation_id: str
    step: Step
    phone_number: str
    site_id: str
    sequence: int
    about: tuple[str, ...]
    """What the sequence is compared for: a membership of one group, a login at one handset."""
    wish: str


class Task(NamedTuple):
    """One attempt at a request."""

    request: Request
    attempt: int
    reaction: Reaction


class _Applied(NamedTuple):
    sequence: int
    wish: str


def request_of(message: Heard) -> Request | None:
    """What the message asks for; None where it asks for nothing."""
    match message:
        case HuntGroupMembership():
            about = ("hunt group", message.data.hunt_group_id)
            return _request(message, Step.HUNT_GROUP_MEMBERSHIP, about, message.data.action)
        case HandsetLogout():
            about = ("handset", message.data.device_id)
            return _request(message, Step.HANDSET_LOGOUT, about, "logged out")
        case ExtensionReset():
            return _request(message, Step.EXTENSION_RESET, ("extension",), "blank")
        case StatusChanged():
            if (message.data.status, message.data.operation) != _ASKS_FOR_ACTIVATION:
                return None
            # The extension again: a reset with a higher sequence makes a late activation void.
            return _request(message, Step.ACTIVATION, ("extension",), "provisioned")


_ASKS_FOR_ACTIVATION: Final = (NumberStatus.PENDING, Operation.ACTIVATE)


def _request(message: Heard, step: Step, about: tuple[str, ...], wish: str) -> Request:
    data = message.data
    return Request(
        operation_id=message.id,
        step=step,
        phone_number=data.phone_number,
        site_id=data.site_id,
        sequence=data.sequence,
        about=(data.phone_number, *about),
        wish=wish,
    )


class FakePbx:
    """Carries out requests in memory.

    `run` makes the ids of this run's results its own: after a restart it has forgotten how often
    it was asked, and must not give another answer under an id that was used.
    """

    def __init__(self, faults: Sequence[Fault], *, site_id: str | None, run: UUID) -> None:
        self._faults = faults
        self._site_id = site_id
        self._run = run
        self._applied: dict[tuple[str, ...], _Applied] = {}
        self._attempts: Counter[str] = Counter()

    def serves(self, request: Request) -> bool:
        """Whether the request is for its site."""
        return self._site_id in {None, request.site_id}

    def is_late(self, request: Request) -> bool:
        """Whether something newer was applied; such a request is dropped."""
        applied = self._applied.get(request.about)
        return applied is not None and request.sequence < applied.sequence

    def take(self, request: Request, *, redelivered: bool) -> Task:
        """The attempt that this delivery makes; what the broker returned is the same one again."""
        if not (redelivered and self._attempts[request.operation_id]):
            self._attempts[request.operation_id] += 1
        attempt = self._attempts[request.operation_id]
        reaction = reaction_to(self._faults, request.step, request.phone_number, attempt=attempt)
        return Task(request, attempt, reaction)

    def carry_out(self, task: Task, now: datetime) -> PbxResult:
        """Applies what it does not refuse or put off; what became of it."""
        answer = task.reaction.result
        if answer in {None, StepResult.DONE, StepResult.ALREADY}:
            found = self._apply(task.request)
            answer = answer or found
        return self._result(task, answer, now)

    def _apply(self, request: Request) -> StepResult:
        before = self._applied.get(request.about)
        self._applied[request.about] = _Applied(request.sequence, request.wish)
        return StepResult.ALREADY if before and before.wish == request.wish else StepResult.DONE

    def _result(self, task: Task, result: StepResult, now: datetime) -> PbxResult:
        request = task.request
        return PbxResult(
            id=str(uuid5(self._run, f"{task.attempt} {request.operation_id}")),
            source=f"/pbx/{self._site_id or request.site_id}",
            subject=request.phone_number,
            time=now.astimezone(UTC),
            causationid=request.operation_id,
            data=PbxResultData(
                operation_id=request.operation_id, result=result, code=task.reaction.code
            ),
        )
