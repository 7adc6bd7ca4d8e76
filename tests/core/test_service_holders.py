"""A refusal for want of a voice service lists the numbers that hold the services."""

from collections.abc import Callable

from activation_contracts.messages import HOLDERS_MAXIMUM, Command
from activation_contracts.values import NumberStatus
from hypothesis import given
from hypothesis import strategies as some

from tests.support.data.builders import (
    ACME_LONDON,
    NOW,
    POLICY,
    RESERVED,
    activate,
    deactivate,
    decide_command,
    previewed,
    rejection_data,
)
from worker.core.batch import Snapshot, decide_all, may_be_exhausted
from worker.core.decision import Decision
from worker.core.situation import Number, ServiceHolders, Usage, with_holder

USING = (NumberStatus.ACTIVE, NumberStatus.PENDING)
PHONE_NUMBERS = [f"+4420794600{place:02}" for place in range(HOLDERS_MAXIMUM + 4)]


def holders_among(numbers: dict[str, Number]) -> ServiceHolders:
    """The first numbers that hold services, as the database finds them."""
    holders: ServiceHolders = ()
    for _, number in sorted(numbers.items()):
        if number.status in USING:
            holders = with_holder(holders, number)
    return holders


def numbers_with(statuses: list[NumberStatus]) -> dict[str, Number]:
    return {
        phone_number: RESERVED._replace(phone_number=phone_number, status=status)
        for phone_number, status in zip(PHONE_NUMBERS, statuses, strict=False)
    }


def test_a_refusal_for_another_reason_lists_no_holders() -> None:
    assert rejection_data(decide_command(None, activate())).holders is None


def test_an_account_that_uses_no_service_has_no_holders() -> None:
    assert rejection_data(decide_command(RESERVED, activate(), Usage(limit=0))).holders == ()


def test_holders_are_needed_only_where_activations_may_find_no_service_free() -> None:
    snapshot = Snapshot(usages={ACME_LONDON: Usage(limit=5, active=2, pending=1)})
    two, three = (
        [activate(PHONE_NUMBERS[place], str(place)) for place in range(count)] for count in (2, 3)
    )

    assert may_be_exhausted(snapshot, two) == set()
    assert may_be_exhausted(snapshot, three) == {ACME_LONDON}
    assert may_be_exhausted(snapshot, [deactivate()] * 3) == set()


statuses = some.lists(
    some.sampled_from([NumberStatus.RESERVED, *USING]), min_size=1, max_size=len(PHONE_NUMBERS)
)
orders = some.tuples(
    some.sampled_from([activate, deactivate]),
    some.integers(0, len(PHONE_NUMBERS) - 1),
    some.booleans(),
)


def commands_of(batch: list[tuple[Callable[..., Command], int, bool]]) -> list[Command]:
    """Commands with ids of their own; some are to be previewed."""
    commands = []
    for place, (make, number, is_preview) in enumerate(batch):
        command = make(PHONE_NUMBERS[number], str(place))
        commands.append(previewed(command) if is_preview else command)
    return commands


@given(statuses, some.integers(-2, 3), some.lists(orders, max_size=8))
def test_every_exhausted_refusal_lists_the_first_numbers_in_use_at_that_moment(
    held: list[NumberStatus],
    headroom: int,
    batch: list[tuple[Callable[..., Command], int, bool]],
) -> None:
    numbers, commands = numbers_with(held), commands_of(batch)
    active, pending = (held.count(status) for status in USING)
    usage = Usage(max(0, active + pending + headroom), active, pending)
    snapshot = Snapshot(dict(numbers), {ACME_LONDON: usage})
    is_loaded = ACME_LONDON in may_be_exhausted(snapshot, commands)
    if is_loaded:
        snapshot.service_holders[ACME_LONDON] = holders_among(numbers)

    for decision in decide_all(snapshot, commands, NOW, POLICY):
        if (listed := holders_in(decision)) is not None:
            assert is_loaded
            assert listed == holders_among(numbers)
            assert len(listed) <= HOLDERS_MAXIMUM
        if decision.number is not None:
            numbers[decision.number.phone_number] = decision.number


def holders_in(decision: Decision) -> ServiceHolders | None:
    if decision.preview is not None:
        return decision.preview.data.holders
    return rejection_data(decision).holders if decision.refusal else None
