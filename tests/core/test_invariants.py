"""Invariants under any sequence of commands, completions and changes by other systems."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import timedelta
from typing import TYPE_CHECKING

from activation_contracts.messages import Command, EntitlementRestored, StatusChanged
from activation_contracts.values import NumberStatus
from hypothesis import settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.support.data.builders import (
    ACME_LONDON,
    ACTIVE_IN_FULL_USE,
    MAIN_PHONE_NUMBER,
    NOW,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    deactivate,
)
from worker.core.batch import CommandKey, Snapshot, advance_all, decide_all
from worker.core.cause import Cause
from worker.core.decision import Decision, Outcome
from worker.core.entitlement import EntitlementChanged, change_of
from worker.core.situation import Number, Usage

if TYPE_CHECKING:
    from worker.core.answers import Answer

PHONE_NUMBERS = [MAIN_PHONE_NUMBER, *(f"+44207946000{place}" for place in range(1, 5))]
USING = (NumberStatus.ACTIVE, NumberStatus.PENDING)

expiries = some.sampled_from([NOW - timedelta(days=1), NOW + timedelta(days=1)])
wordings = some.fixed_dictionaries({}, optional={"expirytime": expiries})
commands = some.builds(
    lambda make, phone_number, command_id, wording: make(phone_number, command_id, **wording),
    some.sampled_from([activate, deactivate]),
    some.sampled_from([*PHONE_NUMBERS, "+442079469999"]),
    some.integers(1, 60).map(str),
    wordings,
)
limits = some.integers(0, len(PHONE_NUMBERS))
phone_number_sets = some.sets(some.sampled_from(PHONE_NUMBERS))


class Telephony(RuleBasedStateMachine):
    """Stores decisions as the database does, and checks the totals after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: dict[str, Number] = {
            phone_number: RESERVED._replace(
                phone_number=phone_number,
                sequence=0,
                main_number=phone_number == MAIN_PHONE_NUMBER,
            )
            for phone_number in PHONE_NUMBERS
        }
        self.ledger: dict[CommandKey, Mapping[str, Answer]] = {}
        self.limit = 2
        self.exceeded = False
        self.is_checked = True
        self.checks = 0
        self.published_changes: dict[str, int] = dict.fromkeys(PHONE_NUMBERS, 0)
        self.message_ids: set[str] = set()

    def usage(self) -> Usage:
        statuses = [number.status for number in self.numbers.values()]
        active, pending = (statuses.count(status) for status in USING)
        return Usage(self.limit, active, pending, self.exceeded)

    def snapshot(self) -> Snapshot:
        main_status = self.numbers[MAIN_PHONE_NUMBER].status
        return Snapshot(
            numbers=dict(self.numbers),
            usages={ACME_LONDON: self.usage()},
            main_numbers={ACME_LONDON: RINGING_MAIN_NUMBER._replace(status=main_status)},
            ledger=dict(self.ledger),
        )

    def used(self) -> int:
        return sum(number.status in USING for number in self.numbers.values())

    @rule(batch=some.lists(commands, max_size=6))
    def decide_a_batch(self, batch: list[Command]) -> None:
        snapshot = self.snapshot()
        untouched = deepcopy(snapshot)
        decisions = decide_all(snapshot, batch, NOW, POLICY)

        assert snapshot == untouched
        assert decisions == decide_all(snapshot, batch, NOW, POLICY)
        for command, decision in zip(batch, decisions, strict=True):
            self.check_answer(command, decision)
            if decision.outcome in {Outcome.REJECTED, Outcome.DUPLICATE}:
                assert decision.number is None
                assert len(decision.messages) == (decision.outcome is Outcome.REJECTED)
        self.store(decisions)

    def check_answer(self, command: Command, decision: Decision) -> None:
        """Each content of a command has one answer, whenever and how often it comes."""
        key = CommandKey(command.source, command.id)
        answers = self.ledger.get(key, {})
        assert decision.first_answer == answers.get(command.fingerprint)
        if decision.first_answer is None:
            self.ledger[key] = {**answers, command.fingerprint: decision.messages[0]}

    @rule(chosen=some.permutations(PHONE_NUMBERS), share=some.integers(0, len(PHONE_NUMBERS)))
    def advance_operations(self, chosen: list[str], share: int) -> None:
        snapshot = self.snapshot()
        untouched = deepcopy(snapshot)
        under_way = [it for it in chosen if self.numbers[it].ongoing is not None][:share]
        advanced = advance_all(snapshot, under_way, NOW, POLICY)

        assert snapshot == untouched
        assert advanced == advance_all(snapshot, under_way, NOW, POLICY)
        self.store(decision for _, decision in advanced)

    def store(self, decisions: Iterable[Decision]) -> None:
        """Stores the decisions; none may exceed the entitlement."""
        used_before = self.used()
        for decision in decisions:
            if decision.number is not None:
                self.numbers[decision.number.phone_number] = decision.number
            self.check_messages(decision)
        assert self.used() <= max(self.limit, used_before)

    def check_messages(self, decision: Decision) -> None:
        for message in decision.messages:
            assert message.id not in self.message_ids
            self.message_ids.add(message.id)
            if isinstance(message, EntitlementRestored):
                self.publish_shortage(message)
            if isinstance(message, StatusChanged):
                self.published_changes[message.subject] += 1
                assert message.data.sequence == self.published_changes[message.subject]
                entitlement = message.data.entitlement
                assert entitlement is not None
                assert (entitlement.active + entitlement.pending) == self.used()

    def publish_shortage(self, change: EntitlementChanged) -> None:
        # Alternately: each shortage once, and its end once.
        assert self.exceeded is isinstance(change, EntitlementRestored)
        self.exceeded = not self.exceeded
        assert change.data.entitlement == self.usage().as_contract()
        assert self.exceeded is self.usage().is_short

    @rule(limit=limits)
    def let_services_begin_or_end_by_date(self, limit: int) -> None:
        self.limit = limit
        self.is_checked = False

    @rule(limit=limits)
    def change_the_limit_by_message(self, limit: int) -> None:
        self.limit = limit
        self.check_entitlement()

    @rule()
    def check_entitlement(self) -> None:
        self.checks += 1
        cause = Cause("/tests/platform", str(self.checks), "story")
        change = change_of(ACME_LONDON, self.usage(), cause, NOW)
        if change is not None:
            assert change.id not in self.message_ids
            self.message_ids.add(change.id)
            self.publish_shortage(change)
        assert change_of(ACME_LONDON, self.usage(), cause, NOW) is None
        self.is_checked = True

    @rule(chosen=phone_number_sets, person=some.sampled_from([None, "Grace"]))
    def assign_numbers(self, chosen: set[str], person: str | None) -> None:
        for number in self.active_among(chosen):
            self.numbers[number.phone_number] = number._replace(assigned_to=person)

    @rule(chosen=phone_number_sets)
    def configure_numbers(self, chosen: set[str]) -> None:
        for number in self.active_among(chosen - {MAIN_PHONE_NUMBER}):
            self.numbers[number.phone_number] = number._replace(
                label=ACTIVE_IN_FULL_USE.label,
                features=ACTIVE_IN_FULL_USE.features,
                logins=ACTIVE_IN_FULL_USE.logins,
            )

    def active_among(self, chosen: set[str]) -> list[Number]:
        return [
            self.numbers[phone_number]
            for phone_number in sorted(chosen)
            if self.numbers[phone_number].status is NumberStatus.ACTIVE
        ]

    @invariant()
    def a_number_has_an_operation_exactly_while_it_is_pending(self) -> None:
        for number in self.numbers.values():
            assert (number.ongoing is not None) is (number.status is NumberStatus.PENDING)

    @invariant()
    def a_reserved_number_is_blank(self) -> None:
        for number in self.numbers.values():
            if number.status is NumberStatus.RESERVED:
                assert (number.settings, number.hunt_groups, number.logins) == ((), (), ())

    @invariant()
    def what_is_published_of_a_shortage_is_true_since_the_last_check(self) -> None:
        if self.is_checked:
            assert self.exceeded is self.usage().is_short

    @invariant()
    def the_main_number_is_never_a_member_of_its_own_group(self) -> None:
        assert self.numbers[MAIN_PHONE_NUMBER].hunt_groups == ()


TestTelephony = Telephony.TestCase
TestTelephony.settings = settings(max_examples=60, stateful_step_count=25)
