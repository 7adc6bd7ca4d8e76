"""The steps that operations wait for, and their operations: kept, changed, sent again."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.messages import StatusChanged
from contracts.values import FailureCode, Step
from worker.core.operation import Failure, OngoingOperation, PbxStep, Policy, StepState
from worker.core.situation import Number
from worker.core.steps import STEPS
from worker.storage.outbox import OutgoingMessage
from worker.storage.session import Row, Session

__all__ = [
    "change_operations",
    "find_numbers_of",
    "load_steps",
    "mark_sent",
    "open_steps",
    "release_steps",
    "resend_steps",
    "write_steps",
]

_STEPS_BY_TYPE = {
    StatusChanged.model_fields["type"].default: Step.ACTIVATION,
    **{message.model_fields["type"].default: step for message, step in STEPS.items()},
}


async def open_steps(
    session: Session,
    operations: Iterable[tuple[str, OngoingOperation]],
    messages: Mapping[str, Mapping[str, Any]],
    now: datetime,
) -> None:
    """Keeps the steps of these operations, each with the message that asks for it, by its id."""
    rows: list[dict[str, object]] = [
        {
            "operation_id": step.operation_id,
            "phone_number": phone_number,
            "command_source": ongoing.command_source,
            "command_id": ongoing.command_id,
            "step": step.step,
            "attempts_maximum": step.attempts_maximum,
            **{name: messages[step.operation_id][name] for name in _MESSAGE_COLUMNS},
        }
        for phone_number, ongoing in operations
        for step in ongoing.steps
    ]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        await session.change("open_steps", **columns, now=now)


_MESSAGE_COLUMNS = (
    "message_type",
    "exchange",
    "routing_key",
    "correlation_id",
    "must_be_routed",
    "body",
)


async def find_numbers_of(session: Session, operation_ids: Collection[str]) -> list[str]:
    """The numbers whose steps have these ids; an id that was never given out has none."""
    rows = await session.fetch("find_steps", operation_ids=sorted(operation_ids))
    return [row["phone_number"] for row in rows]


async def load_steps(
    session: Session, phone_numbers: Iterable[str]
) -> dict[str, tuple[PbxStep, ...]]:
    """By number the steps that its operation waits for, in the order in which they were asked."""
    rows = await session.fetch("load_steps", phone_numbers=sorted(phone_numbers))
    steps: dict[str, tuple[PbxStep, ...]] = {}
    for row in rows:
        phone_number = row["phone_number"]
        steps[phone_number] = (*steps.get(phone_number, ()), _step(row))
    return steps


def _step(row: Row) -> PbxStep:
    step = Step(row["step"] or _STEPS_BY_TYPE[row["message_type"]])
    return PbxStep(
        operation_id=row["operation_id"],
        step=step,
        waits_for=row["waits_for"],
        attempt=row["attempt"],
        attempts_maximum=row["attempts_maximum"],
        sent_at=row["sent_at"],
        state=StepState(row["state"]),
        again_at=row["again_at"],
        failure=Failure(
            FailureCode(row["failure_code"]), step, row["failure_detail"], row["failure_pbx_code"]
        )
        if row["failure_code"]
        else None,
        last_result=row["last_result"],
        answers=tuple(json.loads(row["answers"])),
    )


async def write_steps(session: Session, steps: Collection[PbxStep]) -> None:
    """The steps as they are from now on."""
    rows: list[dict[str, object]] = [
        {
            "operation_id": step.operation_id,
            "state": step.state,
            "attempt": step.attempt,
            "sent_at": step.sent_at,
            "again_at": step.again_at,
            "failure_code": step.failure.code if step.failure else None,
            "failure_detail": step.failure.detail if step.failure else None,
            "failure_pbx_code": step.failure.pbx_code if step.failure else None,
            "last_result": step.last_result,
            "answers": json.dumps(step.answers),
        }
        for step in steps
        if step.waits_for == "result"
    ]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        await session.change("write_steps", **columns)


async def change_operations(session: Session, numbers: Sequence[Number | None]) -> None:
    """The operations of these numbers as they are from now on, their steps left out."""
    changed = [
        (number.phone_number, number.ongoing)
        for number in numbers
        if number is not None and number.ongoing is not None
    ]
    if not changed:
        return
    failures = [ongoing.failure for _, ongoing in changed]
    await session.change(
        "change_operations",
        phone_number=[phone_number for phone_number, _ in changed],
        at_risk_at=[ongoing.at_risk_at for _, ongoing in changed],
        deadline=[ongoing.deadline for _, ongoing in changed],
        delayed=[ongoing.delayed for _, ongoing in changed],
        round=[ongoing.round for _, ongoing in changed],
        failure_code=[failure.code if failure else None for failure in failures],
        failure_step=[failure.step if failure else None for failure in failures],
        failure_detail=[failure.detail if failure else None for failure in failures],
        failure_pbx_code=[failure.pbx_code if failure else None for failure in failures],
    )


async def mark_sent(
    session: Session, sent: Sequence[OutgoingMessage], now: datetime, policy: Policy
) -> None:
    """The broker has these messages: the clocks of their operations start."""
    # Every change of a step happens under its number's lock, taken in one order: so results,
    # the relay and a person's decision cannot deadlock.
    await _lock(session, {message.phone_number for message in sent})
    await session.change(
        "mark_sent",
        operation_ids=[message.message_id for message in sent],
        now=now,
        at_risk_at=now + policy.at_risk_after,
        deadline=now + policy.time_allowed,
    )


async def resend_steps(session: Session, partition: int, now: datetime, maximum: int) -> int:
    """Puts what the partition has to ask again into the outbox; how many numbers that were."""
    found = await session.fetch("find_steps_to_resend", lane=partition, now=now, maximum=maximum)
    phone_numbers = [row["phone_number"] for row in found]
    if phone_numbers:
        await _lock(session, phone_numbers)
        await session.change("resend_steps", lane=partition, phone_numbers=phone_numbers, now=now)
    return len(phone_numbers)


async def release_steps(session: Session, policy: Policy) -> int:
    """Waits no more for results that the configuration does not ask for; how many these were."""
    return await session.change("release_steps", awaited_steps=sorted(policy.awaited_steps))


async def _lock(session: Session, phone_numbers: Collection[str]) -> None:
    await session.fetch("lock_numbers", phone_numbers=sorted(phone_numbers))
