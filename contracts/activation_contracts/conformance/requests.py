"""A request of a case: the message as it is sent, and the result that the PBX has to report."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import Any, Final, NamedTuple

from typing_extensions import override

from activation_contracts.catalogue import definition_of, routing_key_of
from activation_contracts.messages import (
    ExtensionReset,
    HandsetLogout,
    HuntGroupMembership,
    ManualLogoutRequired,
    StatusChanged,
)
from activation_contracts.values import Step, StepResult

__all__ = [
    "ANSWERS",
    "SUCCESS",
    "Expectation",
    "Request",
    "RequestMessage",
    "answered",
    "at_once",
    "carried_out",
    "changed",
    "dropped",
    "from_a_newer_version",
    "optional",
    "refused",
    "with_an_unknown_action",
]

RequestMessage = (
    HandsetLogout | HuntGroupMembership | ExtensionReset | StatusChanged | ManualLogoutRequired
)

ANSWERS: Final = frozenset(StepResult) - {StepResult.RETRY_LATER}
"""The results that end a request."""

SHOWN_CHARACTERS: Final = 40

SUCCESS: Final = ANSWERS - {StepResult.REFUSED}
"""The results after which the step is done."""


class Expectation(Enum):
    """The results that may follow a request."""

    CARRIED_OUT = SUCCESS
    CHANGED = SUCCESS - {StepResult.ALREADY}
    """The state was another before."""
    REFUSED = frozenset({StepResult.REFUSED})
    ANSWERED = ANSWERS
    OPTIONAL = frozenset(StepResult)
    """Any result, or none."""
    DROPPED = frozenset({StepResult.NOT_APPLICABLE})
    """None; `not_applicable` says the same."""

    @property
    def needs_answer(self) -> bool:
        """Whether the PBX must answer."""
        return self not in {Expectation.OPTIONAL, Expectation.DROPPED}

    @override
    def __str__(self) -> str:
        """The expectation for people."""
        results = ", ".join(result for result in StepResult if result in self.value)
        match self:
            case Expectation.CHANGED:
                return f"one of {results}; the state was another before"
            case Expectation.OPTIONAL:
                return "any result, or none"
            case Expectation.DROPPED:
                return f"no result (or {results})"
            case _:
                return f"one of {results}"


class Additions(NamedTuple):
    """What a later minor version may have, and this one has not."""

    data: Mapping[str, Any]
    """Fields of `data`, or new values of those that exist."""
    attributes: Mapping[str, Any] = {}
    """Attributes of the envelope."""


_NEW_FIELDS: Final = Additions(
    data={
        "priority": 5,
        "valid_until": None,
        "reasons": [{"code": "moved", "at": [1, 2.5, True]}],
    },
    attributes={"severity": "info", "sampledrate": 3},
)
_UNKNOWN_ACTION: Final = Additions(data={"action": "suspend"})


@dataclass(frozen=True)
class Request:
    """A message to the PBX, and what must follow."""

    message: RequestMessage
    expectation: Expectation
    is_at_once: bool = False
    """Whether it is sent at once, before the results of the requests before it."""
    additions: Additions | None = None
    """What a later minor version could add to it."""

    @property
    def id(self) -> str:
        """The id that its result has to name."""
        return self.message.id

    @property
    def command_id(self) -> str:
        """The id of the command that caused it."""
        return self.message.data.command_id

    @property
    def exchange(self) -> str:
        """Where it is published."""
        return definition_of(type(self.message)).exchange

    @property
    def routing_key(self) -> str:
        """The key by which it is published."""
        return routing_key_of(self.message)

    @property
    def step(self) -> Step:
        """The step that it belongs to; a PBX reads events for the activation."""
        match self.message:
            case HandsetLogout():
                return Step.HANDSET_LOGOUT
            case HuntGroupMembership():
                return Step.HUNT_GROUP_MEMBERSHIP
            case ExtensionReset():
                return Step.EXTENSION_RESET
            case StatusChanged() | ManualLogoutRequired():
                return Step.ACTIVATION

    @cached_property
    def body(self) -> bytes:
        """The body, as it is sent."""
        body = self.message.encode()
        if self.additions is None:
            return body
        event = json.loads(body)
        event["data"].update(self.additions.data)
        return json.dumps({**event, **self.additions.attributes}, ensure_ascii=False).encode()

    @override
    def __str__(self) -> str:
        """The request for people, on one line."""
        what = "unknown action" if self.additions is _UNKNOWN_ACTION else _what(self.message)
        return f"{what}, sequence {self.message.data.sequence}, id {self.id}"


def _what(message: RequestMessage) -> str:
    match message:
        case HuntGroupMembership(data=data):
            return f"{data.action} {data.hunt_group_id[:SHOWN_CHARACTERS]!r}"
        case HandsetLogout(data=data):
            return f"logout {data.device_id[:SHOWN_CHARACTERS]!r}"
        case ExtensionReset():
            return "reset"
        case StatusChanged(data=data):
            return f"{data.status} ({data.operation})"
        case ManualLogoutRequired():
            return "manual logout"


def carried_out(message: RequestMessage) -> Request:
    """A request that the PBX has to carry out, or to find done."""
    return Request(message, Expectation.CARRIED_OUT)


def changed(message: RequestMessage) -> Request:
    """A request that the PBX has to carry out, and cannot find done."""
    return Request(message, Expectation.CHANGED)


def answered(message: RequestMessage) -> Request:
    """A request that the PBX has to answer, also with a refusal."""
    return Request(message, Expectation.ANSWERED)


def refused(request: Request) -> Request:
    """The request, which the PBX has to refuse."""
    return replace(request, expectation=Expectation.REFUSED)


def optional(message: RequestMessage) -> Request:
    """A message that the PBX may answer."""
    return Request(message, Expectation.OPTIONAL)


def dropped(message: RequestMessage) -> Request:
    """A message that is outdated, or requests nothing: the PBX acknowledges it and does nothing."""
    return Request(message, Expectation.DROPPED)


def at_once(request: Request) -> Request:
    """The request, sent without waiting for the results of those before it."""
    return replace(request, is_at_once=True)


def from_a_newer_version(request: Request) -> Request:
    """The request, with fields that this version does not know."""
    return replace(request, additions=_NEW_FIELDS)


def with_an_unknown_action(request: Request) -> Request:
    """The request, with an `action` that this version does not know."""
    return replace(request, additions=_UNKNOWN_ACTION)
