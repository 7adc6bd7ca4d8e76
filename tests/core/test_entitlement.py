"""A shortage is published once, its end once, each under an id of its own."""

import pytest
from activation_contracts.messages import EntitlementExceeded, EntitlementRestored
from activation_contracts.values import FailureCode, NumberStatus

from tests.support.data.builders import (
    ACME_LONDON,
    ACTIVE,
    AWAITING_ALL,
    LATER,
    NOW,
    POLICY,
    RESERVED,
    activate,
    deactivate,
    pending_number,
    with_failed_step,
    with_steps,
)
from worker.core.batch import Snapshot, advance_all
from worker.core.cause import Cause
from worker.core.decision import Decision
from worker.core.entitlement import EntitlementChanged, change_of, passage_of_time
from worker.core.operations.advance import advance
from worker.core.situation import Holder, Number, Situation, Usage

MESSAGE = Cause("/platform", "service-7 ended", "story-7", "trace", "state")
ACTIVATING = pending_number(RESERVED, activate(), AWAITING_ALL)
DEACTIVATING = pending_number(ACTIVE, deactivate())


@pytest.mark.parametrize(
    ("usage", "published"),
    [
        (Usage(3, 2, 1), None),
        (Usage(3, 2, 2), EntitlementExceeded),
        (Usage(3, 2, 2, exceeded=True), None),
        (Usage(3, 2, 1, exceeded=True), EntitlementRestored),
        (Usage(0), None),
        (Usage(0, exceeded=True), EntitlementRestored),
        (Usage(0, 0, 1), EntitlementExceeded),
        (Usage(0, 1, exceeded=True), None),
    ],
)
def test_a_check_publishes_what_is_new(
    usage: Usage, published: type[EntitlementChanged] | None
) -> None:
    change = change_of(ACME_LONDON, usage, MESSAGE, NOW)

    assert (type(change) if change else None) is published


def test_an_event_names_its_account_its_cause_and_the_arithmetic() -> None:
    change = change_of(ACME_LONDON, Usage(3, 3, 1), MESSAGE, NOW)

    assert change is not None
    assert change.subject == change.partitionkey == "acme/london"
    assert (change.causationid, change.correlationid) == ("service-7 ended", "story-7")
    assert (change.traceparent, change.tracestate) == ("trace", "state")
    assert change.data.model_dump() == {
        "account_id": "acme",
        "site_id": "london",
        "entitlement": {"limit": 3, "active": 3, "pending": 1},
    }


def id_of(change: EntitlementChanged | None) -> str:
    assert change is not None
    return change.id


def test_a_repeated_check_has_the_same_id_and_every_other_event_has_its_own() -> None:
    short, fits = Usage(0, 1), Usage(1, 1, exceeded=True)
    events = [
        (ACME_LONDON, short, MESSAGE, NOW),
        (ACME_LONDON, fits, MESSAGE, NOW),
        (Holder("acme", "paris"), short, MESSAGE, NOW),
        (Holder("zeta", "london"), short, MESSAGE, NOW),
        (ACME_LONDON, short, MESSAGE._replace(id="another"), NOW),
        (ACME_LONDON, short, MESSAGE._replace(source="/another"), NOW),
        (ACME_LONDON, short, passage_of_time(NOW), NOW),
        # A second shortage on the same day.
        (ACME_LONDON, short, passage_of_time(LATER), LATER),
    ]
    ids, repeated = ([id_of(change_of(*event)) for event in events] for _ in range(2))

    assert len({*ids}) == len(events)
    assert repeated == ids


def at_the_end_of(number: Number, usage: Usage) -> Decision:
    decision = advance(Situation(number, usage), LATER, POLICY)
    assert decision is not None
    return decision


@pytest.mark.parametrize(
    ("number", "reached"),
    [
        (DEACTIVATING, NumberStatus.RESERVED),
        (with_failed_step(ACTIVATING, FailureCode.PBX_REFUSED), NumberStatus.RESERVED),
        (pending_number(RESERVED, activate()), NumberStatus.ACTIVE),
    ],
    ids=["a completed deactivation", "a failed activation", "a completed activation"],
)
def test_the_end_of_an_operation_ends_a_shortage_only_if_the_use_fits_then(
    number: Number, reached: NumberStatus
) -> None:
    freed = reached is NumberStatus.RESERVED
    fits = Usage(3, 3 if freed else 2, 1, exceeded=True)
    decision = at_the_end_of(number, fits)
    (restored,) = decision.ends_of_shortages

    assert decision.number is not None
    assert decision.number.status is reached
    assert decision.messages[-1] is restored
    assert restored.data.entitlement.active + restored.data.entitlement.pending == 3
    assert at_the_end_of(number, fits._replace(limit=2)).ends_of_shortages == ()
    assert at_the_end_of(number, fits._replace(exceeded=False)).ends_of_shortages == ()


def test_the_delay_of_an_operation_ends_no_shortage() -> None:
    # Its end may end another one, and would do so under the same id.
    sent = with_steps(ACTIVATING, sent_at=NOW)
    late = NOW + POLICY.at_risk_after
    delayed = advance(Situation(sent, Usage(3, 2, 1, exceeded=True)), late, AWAITING_ALL)

    assert delayed is not None
    assert delayed.ends_of_shortages == ()


def test_only_the_first_end_of_a_batch_ends_the_shortage() -> None:
    phone_numbers = [f"+44207946000{place}" for place in range(3)]
    numbers = {
        phone_number: pending_number(
            ACTIVE._replace(phone_number=phone_number), deactivate(phone_number, phone_number)
        )
        for phone_number in phone_numbers
    }
    snapshot = Snapshot(numbers, {ACME_LONDON: Usage(1, 0, 3, exceeded=True)})
    advanced = advance_all(snapshot, phone_numbers, LATER, POLICY)

    assert [len(item.decision.ends_of_shortages) for item in advanced] == [0, 1, 0]
