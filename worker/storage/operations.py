"""Loads and saves operations under way and the steps that they wait for."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime

from activation_contracts.messages import StatusChanged
from activation_contracts.values import FailureCode, Step

from worker.core.operations.due import AT_ONCE, due_at
from worker.core.operations.operation import Failure, OngoingOperation, PbxStep, Policy, StepState
from worker.core.operations.steps import STEPS
from worker.core.situation import Number
from worker.storage.connecting.session import Row, Session
from worker.storage.rows import OutboxRow

__all__ = [
    "change_operations",
    "find_due",
    "find_numbers_of",
    "load_steps",
    "open_steps",
    "release_steps",
    "send_steps_again",
    "step_of",
    "write_steps",
]

_STEPS_BY_TYPE = {
    StatusChanged.model_fields["type"].default: Step.ACTIVATION,
    **{message.model_fields["type"].default: step for message, step in STEPS.items()},
}


async def find_due(session: Session, partition: int, now: datetime, maximum: int) -> Sequence[str]:
    """The numbers of the partition's operations that are due, the longest due first."""
    rows = await session.fetch("find_due", partition=partition, now=now, maximum=maximum)
    return [row["phone_number"] for row in rows]


async def open_steps(
    session: Session,
    operations: Iterable[tuple[str, OngoingOperation]],
    messages: Mapping[str, OutboxRow],
    now: datetime,
) -> None:
    """Stores the steps of these operations, each with the message that requests it.

    `messages` holds the messages by id, which is also the id of the step.
    """
    rows: list[dict[str, object]] = [
        {
            "step_id": step.step_id,
            "phone_number": phone_number,
            "command_source": ongoing.command_source,
            "command_id": ongoing.command_id,
            "step": step.step,
            "attempts_maximum": step.attempts_maximum,
            **{name: getattr(messages[step.step_id], name) for name in _MESSAGE_COLUMNS},
        }
        for phone_number, ongoing in operations
        for step in ongoing.steps
    ]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        await session.change_each("open_steps", len(rows), **columns, now=now)


_MESSAGE_COLUMNS = (
    "message_type",
    "exchange",
    "routing_key",
    "correlation_id",
    "must_be_routed",
    "body",
)


async def find_numbers_of(session: Session, step_ids: Collection[str]) -> list[str]:
    """The numbers to which these steps belong; an unknown id has none."""
    rows = await session.fetch("find_steps", step_ids=sorted(step_ids))
    return [row["phone_number"] for row in rows]


async def load_steps(
    session: Session, phone_numbers: Collection[str], confirmed: Collection[int]
) -> dict[str, tuple[PbxStep, ...]]:
    """By number the steps of its operation, in the order of the requests.

    The outbox messages at the positions `confirmed` count as sent.
    """
    rows = await session.fetch(
        "load_steps", phone_numbers=sorted(phone_numbers), confirmed=list(confirmed)
    )
    steps: dict[str, tuple[PbxStep, ...]] = {}
    for row in rows:
        phone_number = row["phone_number"]
        steps[phone_number] = (*steps.get(phone_number, ()), step_of(row))
    return steps


def step_of(row: Row) -> PbxStep:
    """The step in this row of `step_snapshots`."""
    step = Step(row["step"] or _STEPS_BY_TYPE[row["message_type"]])
    return PbxStep(
        step_id=row["step_id"],
        step=step,
        waits_for=row["waits_for"],
        attempt=row["attempt"],
        attempts_maximum=row["attempts_maximum"],
        publish_error=row["publish_error"],
        sent_at=row["sent_at"],
        state=StepState(row["state"]),
        again_at=row["again_at"],
        silent_at=row["silent_at"],
        failure=Failure(
            FailureCode(row["failure_code"]), step, row["failure_detail"], row["failure_pbx_code"]
        )
        if row["failure_code"]
        else None,
        last_result=row["last_result"],
        counted_results=tuple(json.loads(row["answers"])),
    )


async def write_steps(session: Session, steps: Collection[PbxStep]) -> None:
    """Saves the state of these steps."""
    rows: list[dict[str, object]] = [
        {
            "step_id": step.step_id,
            "state": step.state,
            "attempt": step.attempt,
            "attempts_maximum": step.attempts_maximum,
            "sent_at": step.sent_at,
            "again_at": step.again_at,
            "silent_at": step.silent_at,
            "failure_code": step.failure.code if step.failure else None,
            "failure_detail": step.failure.detail if step.failure else None,
            "failure_pbx_code": step.failure.pbx_code if step.failure else None,
            "last_result": step.last_result,
            "answers": json.dumps(step.counted_results),
        }
        for step in steps
        if step.waits_for == "result"
    ]
    if rows:
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        await session.change_each("write_steps", len(rows), **columns)


async def change_operations(session: Session, numbers: Iterable[Number]) -> None:
    """Saves the operations of these numbers, without their steps, and when each is next due."""
    changed = [(number, number.ongoing) for number in numbers if number.ongoing is not None]
    if not changed:
        return
    failures = [ongoing.failure for _, ongoing in changed]
    await session.change_each(
        "change_operations",
        len(changed),
        phone_number=[number.phone_number for number, _ in changed],
        due_at=[due_at(number) for number, _ in changed],
        at_risk_at=[ongoing.at_risk_at for _, ongoing in changed],
        deadline=[ongoing.deadline for _, ongoing in changed],
        delayed=[ongoing.delayed for _, ongoing in changed],
        retry_round=[ongoing.retry_round for _, ongoing in changed],
        failure_code=[failure.code if failure else None for failure in failures],
        failure_step=[failure.step if failure else None for failure in failures],
        failure_detail=[failure.detail if failure else None for failure in failures],
        failure_pbx_code=[failure.pbx_code if failure else None for failure in failures],
    )


async def send_steps_again(
    session: Session, partition: int, step_ids: Collection[str], now: datetime
) -> None:
    """Puts the messages of these steps into the partition's outbox once more."""
    await session.change_each(
        "send_steps_again",
        len(step_ids),
        partition=partition,
        step_ids=sorted(step_ids),
        now=now,
    )


async def release_steps(session: Session, policy: Policy) -> None:
    """Completes the steps whose results the configuration does not await any more."""
    await session.change(
        "release_steps", awaited_steps=sorted(policy.awaited_steps), due_at=AT_ONCE
    )
