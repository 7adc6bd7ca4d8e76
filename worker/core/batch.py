"""Decisions on batches: each is based on the state that the ones before it left."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from activation_contracts.messages import Activate, Command
from activation_contracts.values import NumberStatus

from worker.core.answers import Answer
from worker.core.decide import decide
from worker.core.decision import Decision, Outcome
from worker.core.operations.advance import advance
from worker.core.operations.operation import Policy
from worker.core.preview import preview
from worker.core.situation import (
    NEVER_ANSWERED,
    Holder,
    MainNumber,
    Number,
    ServiceHolders,
    Situation,
    Usage,
    with_holder,
)

__all__ = [
    "Advanced",
    "CommandKey",
    "Snapshot",
    "advance_all",
    "can_complete",
    "confirm_steps",
    "decide_all",
    "holder_named_by",
    "may_be_exhausted",
]


class CommandKey(NamedTuple):
    """The identity of a command: its CloudEvents source and id."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All rows that were loaded and locked for a batch."""

    numbers: dict[str, Number] = field(default_factory=dict)
    """By phone number."""
    usages: dict[Holder, Usage] = field(default_factory=dict)
    main_numbers: dict[Holder, MainNumber] = field(default_factory=dict)
    service_holders: dict[Holder, ServiceHolders] = field(default_factory=dict)
    """Where `may_be_exhausted` says so."""
    ledger: dict[CommandKey, Mapping[str, Answer]] = field(default_factory=dict)
    """The first answers to the earlier commands with this key, by fingerprint."""


class Advanced(NamedTuple):
    """A decision on an ongoing operation."""

    before: Number
    """The number before the decision."""
    decision: Decision

    @property
    def releases_records(self) -> bool:
        """Whether records of the number waited until its operation had ended, as it has now."""
        after = self.decision.number
        return (
            self.before.has_waiting_records
            and self.before.status is NumberStatus.PENDING
            and after is not None
            and after.status is not NumberStatus.PENDING
        )


def holder_named_by(command: Command) -> Holder:
    """The account and site that the command names."""
    return Holder(command.data.account_id, command.data.site_id)


def may_be_exhausted(snapshot: Snapshot, commands: Iterable[Command]) -> set[Holder]:
    """Where a command may find no voice service free: the service holders are needed there."""
    activations = Counter(
        holder_named_by(command) for command in commands if isinstance(command, Activate)
    )
    return {
        holder
        for holder, wanted in activations.items()
        if snapshot.usages.get(holder, Usage(0)).headroom < wanted
    }


def decide_all(
    snapshot: Snapshot, commands: Iterable[Command], now: datetime, policy: Policy
) -> list[Decision]:
    """One decision for each command, in the same order. The snapshot is not changed.

    A preview is decided on what the commands before it left, and leaves nothing itself.
    """
    return list(_decide_each(_copy(snapshot), commands, now, policy))


def can_complete(snapshot: Snapshot, phone_number: str) -> bool:
    """Whether the number has an operation without open steps."""
    number = snapshot.numbers.get(phone_number)
    return number is not None and number.ongoing is not None and not number.ongoing.open_steps


def confirm_steps(
    snapshot: Snapshot, step_ids: AbstractSet[str], now: datetime, policy: Policy
) -> Snapshot:
    """The snapshot after the broker confirmed the messages of these steps: their clocks start."""
    confirmed = _copy(snapshot)
    for phone_number, number in snapshot.numbers.items():
        if number.ongoing is not None and step_ids:
            ongoing = number.ongoing.confirmed(step_ids, now, policy)
            confirmed.numbers[phone_number] = number._replace(ongoing=ongoing)
    return confirmed


def advance_all(
    snapshot: Snapshot,
    phone_numbers: Iterable[str],
    now: datetime,
    policy: Policy,
    *,
    results_until: datetime | None = None,
) -> list[Advanced]:
    """The decisions on the operations of these numbers, in the same order; see `advance`.

    A number that is not in the snapshot, or has to wait, has no entry. The snapshot is not changed.
    """
    current = _copy(snapshot)
    advanced = []
    for phone_number in phone_numbers:
        number = current.numbers.get(phone_number)
        if number is None or number.holder is None:
            continue
        situation = _situation_of(current, number, number.holder)
        decision = advance(situation, now, policy, results_until=results_until)
        if decision is not None:
            _apply(current, number, decision)
            advanced.append(Advanced(number, decision))
    return advanced


def _decide_each(
    current: Snapshot, commands: Iterable[Command], now: datetime, policy: Policy
) -> Iterator[Decision]:
    for command in commands:
        key = CommandKey(command.source, command.id)
        situation = _situation_named_by(current, command, key)
        if command.data.preview:
            yield preview(situation, command, now, policy)
            continue
        decision = decide(situation, command, now, policy)
        if decision.outcome is not Outcome.DUPLICATE:
            answered = {command.fingerprint: decision.messages[0]}
            current.ledger[key] = {**situation.earlier_answers, **answered}
        if situation.number is not None:
            _apply(current, situation.number, decision)
        yield decision


def _situation_named_by(current: Snapshot, command: Command, key: CommandKey) -> Situation:
    holder = holder_named_by(command)
    return Situation(
        number=current.numbers.get(command.data.phone_number),
        usage=current.usages.get(holder, Usage(0)),
        main_number=current.main_numbers.get(holder),
        service_holders=current.service_holders.get(holder, ()),
        earlier_answers=current.ledger.get(key, NEVER_ANSWERED),
    )


def _situation_of(current: Snapshot, number: Number, holder: Holder) -> Situation:
    return Situation(
        number=number,
        usage=current.usages.get(holder, Usage(0)),
        main_number=current.main_numbers.get(holder),
    )


def _apply(current: Snapshot, before: Number, decision: Decision) -> None:
    after = decision.number
    if after is None or after.holder is None:
        return
    holder = after.holder
    current.numbers[after.phone_number] = after
    usage = current.usages.get(holder, Usage(0))
    usage = usage.after(before.status, after.status)
    if usage.exceeded and decision.ends_of_shortages:
        usage = usage._replace(exceeded=False)
    current.usages[holder] = usage
    holders = current.service_holders.get(holder)
    if holders is not None:
        current.service_holders[holder] = with_holder(holders, after)
    main_number = current.main_numbers.get(holder)
    if main_number is not None and main_number.phone_number == after.phone_number:
        current.main_numbers[holder] = main_number._replace(status=after.status)


def _copy(snapshot: Snapshot) -> Snapshot:
    return Snapshot(
        dict(snapshot.numbers),
        dict(snapshot.usages),
        dict(snapshot.main_numbers),
        dict(snapshot.service_holders),
        dict(snapshot.ledger),
    )
