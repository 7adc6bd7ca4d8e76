"""Many decisions in arrival order, each on what the ones before it left."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from contracts.messages import Command
from worker.core.advance import advance
from worker.core.decide import decide
from worker.core.decision import Decision, Outcome
from worker.core.operation import Policy
from worker.core.situation import AccountAtSite, MainNumber, Number, Situation, Usage

__all__ = ["Advanced", "CommandKey", "Snapshot", "advance_all", "can_complete", "decide_all"]


class CommandKey(NamedTuple):
    """What identifies a command."""

    source: str
    id: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that was loaded, and locked, for a batch."""

    numbers: dict[str, Number] = field(default_factory=dict)
    usages: dict[AccountAtSite, Usage] = field(default_factory=dict)
    main_numbers: dict[AccountAtSite, MainNumber] = field(default_factory=dict)
    ledger: dict[CommandKey, frozenset[str]] = field(default_factory=dict)
    """Fingerprints of the earlier commands under this key."""


class Advanced(NamedTuple):
    """What was decided on an operation on its way, and its number as it was before."""

    before: Number
    decision: Decision


def decide_all(
    known: Snapshot, commands: Iterable[Command], now: datetime, policy: Policy
) -> list[Decision]:
    """One decision for each command, in the same order."""
    return list(_decide_each(_copy(known), commands, now, policy))


def can_complete(known: Snapshot, phone_number: str) -> bool:
    """Whether the number has an operation that waits for nothing any more."""
    number = known.numbers.get(phone_number)
    return number is not None and number.ongoing is not None and not number.ongoing.open_steps


def advance_all(
    known: Snapshot, phone_numbers: Iterable[str], now: datetime, policy: Policy
) -> list[Advanced]:
    """What follows for each of these numbers, in the same order; most have nothing to wait for."""
    world = _copy(known)
    concluded = []
    for phone_number in phone_numbers:
        number = world.numbers.get(phone_number)
        if number is None:
            continue
        decision = advance(_situation_of(world, number), now, policy)
        if decision is not None:
            _apply(world, number, decision)
            concluded.append(Advanced(number, decision))
    return concluded


def _decide_each(
    world: Snapshot, commands: Iterable[Command], now: datetime, policy: Policy
) -> Iterator[Decision]:
    for command in commands:
        data = command.data
        key = CommandKey(command.source, command.id)
        number = world.numbers.get(data.phone_number)
        situation = Situation(
            number=number,
            usage=world.usages.get(AccountAtSite(data.account_id, data.site_id), Usage(0)),
            earlier_contents=world.ledger.get(key, frozenset()),
        )
        decision = decide(situation, command, now, policy)
        if decision.outcome is not Outcome.DUPLICATE:
            world.ledger[key] = situation.earlier_contents | {command.fingerprint}
        if number is not None:
            _apply(world, number, decision)
        yield decision


def _situation_of(world: Snapshot, number: Number) -> Situation:
    holder = AccountAtSite(number.account_id or "", number.site_id)
    return Situation(
        number=number,
        usage=world.usages.get(holder, Usage(0)),
        main_number=world.main_numbers.get(holder),
    )


def _apply(world: Snapshot, before: Number, decision: Decision) -> None:
    after = decision.number
    if after is None or after.account_id is None:
        return
    holder = AccountAtSite(after.account_id, after.site_id)
    world.numbers[after.phone_number] = after
    world.usages[holder] = world.usages.get(holder, Usage(0)).after(before.status, after.status)
    main_number = world.main_numbers.get(holder)
    if main_number is not None and main_number.phone_number == after.phone_number:
        world.main_numbers[holder] = main_number._replace(status=after.status)


def _copy(known: Snapshot) -> Snapshot:
    return Snapshot(
        dict(known.numbers), dict(known.usages), dict(known.main_numbers), dict(known.ledger)
    )
