"""Previews: what they say is what happens to the command, and they leave nothing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from activation_contracts.messages import (
    Command,
    CommandRejectedData,
    Entitlement,
    ExtensionReset,
    HandsetLogout,
    HuntGroupMembership,
    PreviewedData,
    PublishedMessage,
)
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import FailureCode, NumberStatus, Operation, Step, Would
from hypothesis import given
from hypothesis import strategies as some

from tests.support.data.builders import (
    ACME_LONDON,
    ACTIVE,
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    FAX,
    LAPTOP,
    MAIN_PHONE_NUMBER,
    NOW,
    PHONE_NUMBER,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    advance_number,
    deactivate,
    pending_number,
    previewed,
    rejection_data,
    status_data,
    with_failed_step,
    with_steps_done,
)
from worker.core.answers import StoredAnswer
from worker.core.batch import CommandKey, Snapshot, advance_all, decide_all, may_be_exhausted
from worker.core.decision import Decision, Outcome
from worker.core.operations.operation import Policy
from worker.core.situation import MainNumber, Number, Usage, with_holder

OTHER = "+442079460002"
FAILED = advance_number(
    with_failed_step(
        pending_number(RESERVED, activate(command_id="failed"), AWAITING_ALL),
        FailureCode.ATTEMPTS_EXHAUSTED,
    )
).number
assert FAILED is not None

USING = (NumberStatus.ACTIVE, NumberStatus.PENDING)
PBX_MESSAGES = (HandsetLogout, HuntGroupMembership, ExtensionReset)


def snapshot_of(*numbers: Number, limit: int = 9, main: MainNumber | None = None) -> Snapshot:
    """What is loaded for commands for these numbers, with those of acme at london counted."""
    own = [number for number in numbers if number.holder == ACME_LONDON]
    statuses = [number.status for number in own]
    active, pending = (statuses.count(status) for status in USING)
    return Snapshot(
        numbers={number.phone_number: number for number in numbers},
        usages={ACME_LONDON: Usage(limit, active, pending)},
        main_numbers={ACME_LONDON: main} if main else {},
    )


def preview_of(snapshot: Snapshot, *commands: Command, policy: Policy = POLICY) -> PreviewedData:
    """The preview of the last of these commands; those before it are carried out."""
    *before, last = commands
    decision = decide_all(snapshot, [*before, previewed(last)], NOW, policy)[-1]
    assert decision.outcome is Outcome.PREVIEWED
    assert decision.preview is not None
    return decision.preview.data


def requests(preview: PreviewedData) -> list[tuple[str, dict[str, Any]]]:
    return [
        (message["routing_key"], message["data"]) for message in preview.model_dump()["messages"]
    ]


def test_an_activation_would_make_the_number_active_and_join_the_hunt_group() -> None:
    preview = preview_of(snapshot_of(RESERVED, limit=1, main=RINGING_MAIN_NUMBER), activate())

    assert (preview.would, preview.code, preview.status) == ("be_accepted", None, "ACTIVE")
    assert preview.entitlement == Entitlement(limit=1, active=1, pending=0)
    assert preview.message == "The number would become ACTIVE."
    ((routing_key, data),) = requests(preview)
    assert routing_key == "hunt_group_membership.london"
    assert (data["hunt_group_id"], data["action"], data["sequence"]) == ("reception", "add", 9)
    assert (preview.settings_cleared, preview.manual_logout, preview.holders) == (None, None, None)


def test_a_deactivation_would_log_out_reset_and_send_people_to_devices() -> None:
    preview = preview_of(snapshot_of(ACTIVE_IN_FULL_USE, limit=1), deactivate())

    assert (preview.would, preview.code, preview.status) == ("be_accepted", None, "RESERVED")
    assert preview.entitlement == Entitlement(limit=1, active=0, pending=0)
    assert [message.routing_key for message in preview.messages] == [
        "hunt_group_membership.london",
        "hunt_group_membership.london",
        "handset_logout.london",
        "handset_logout.london",
        "extension_reset.london",
    ]
    assert preview.settings_cleared == ("call_waiting", "label", "voicemail")
    assert [device.device_id for device in preview.manual_logout or ()] == [
        FAX.device_id,
        LAPTOP.device_id,
    ]


def test_a_refusal_is_previewed_with_all_that_it_would_say() -> None:
    snapshot = snapshot_of(ACTIVE, RESERVED._replace(phone_number=OTHER), limit=1)
    snapshot.service_holders[ACME_LONDON] = with_holder((), ACTIVE)

    preview = preview_of(snapshot, activate(OTHER))

    assert (preview.would, preview.code) == ("be_refused", "ENTITLEMENT_EXHAUSTED")
    assert (preview.status, preview.messages) == ("RESERVED", ())
    assert preview.entitlement == Entitlement(limit=1, active=1, pending=0)
    assert "1 + 0 + 1 is more than 1" in preview.message
    assert [(it.phone_number, it.status) for it in preview.holders or ()] == [
        (PHONE_NUMBER, "ACTIVE")
    ]


def test_a_preview_never_names_the_holder_to_another_account() -> None:
    preview = preview_of(snapshot_of(ACTIVE._replace(account_id="bolt")), deactivate())

    assert (preview.code, preview.status) == ("ACCOUNT_MISMATCH", None)
    assert "bolt" not in preview.model_dump_json()


def test_an_expired_preview_is_answered_as_the_command_would_be() -> None:
    expired = activate(expirytime=NOW - timedelta(seconds=1))

    assert preview_of(snapshot_of(RESERVED), expired).code is RefusalCode.COMMAND_EXPIRED


def test_a_preview_counts_the_commands_before_it_in_the_batch() -> None:
    snapshot = snapshot_of(RESERVED, RESERVED._replace(phone_number=OTHER), limit=1)
    snapshot.service_holders[ACME_LONDON] = ()

    preview = preview_of(snapshot, activate(), activate(OTHER, "b"))

    assert preview.code is RefusalCode.ENTITLEMENT_EXHAUSTED
    assert [(it.phone_number, it.status) for it in preview.holders or ()] == [
        (PHONE_NUMBER, "PENDING")
    ]


@pytest.mark.parametrize("is_stored", [False, True], ids=["same batch", "earlier batch"])
def test_the_preview_of_a_command_that_was_decided_says_what_a_repeat_gets(
    *, is_stored: bool
) -> None:
    snapshot = snapshot_of(RESERVED)
    accepted, refused = activate(), activate(OTHER, "b")
    before: list[Command] = [accepted, refused]
    if is_stored:
        for command, decision in zip(
            before, decide_all(snapshot, before, NOW, POLICY), strict=True
        ):
            answer = decision.messages[0]
            key = CommandKey(command.source, command.id)
            stored = StoredAnswer(answer.id, answer.type, answer.encode())
            snapshot.ledger[key] = {command.fingerprint: stored}
        before = []

    again = preview_of(snapshot, *before, accepted)
    assert (again.would, again.code, again.status) == ("be_accepted", None, None)
    assert (again.messages, again.entitlement) == ((), None)
    assert again.message == "The command was accepted before: a repeat has no second effect."

    refused_again = preview_of(snapshot, *before, refused)
    assert (refused_again.would, refused_again.code) == ("be_refused", "NUMBER_UNKNOWN")

    reused = preview_of(snapshot, *before, activate(OTHER))
    assert reused.code is RefusalCode.COMMAND_ID_REUSED


def test_previews_of_one_command_share_an_id_only_if_their_answers_are_equal() -> None:
    snapshot = snapshot_of(RESERVED)
    preview, command = previewed(activate()), activate(command_id="b")
    first, again, _, after = decide_all(snapshot, [preview, preview, command, preview], NOW, POLICY)

    assert first.preview == again.preview
    assert first.preview is not None
    assert after.preview is not None
    assert first.preview.id != after.preview.id


def test_a_preview_carries_command_correlation_and_trace() -> None:
    command = activate(correlationid="story", traceparent="00-a-b-01", tracestate="x=1")
    (decision,) = decide_all(snapshot_of(RESERVED), [previewed(command)], NOW, POLICY)

    message = decision.preview
    assert message is not None
    assert (message.subject, message.time, message.partitionkey) == (
        PHONE_NUMBER,
        NOW,
        "acme/london",
    )
    assert (message.correlationid, message.causationid) == ("story", "command-1")
    assert (message.traceparent, message.tracestate) == ("00-a-b-01", "x=1")
    assert (message.data.command_id, message.data.operation) == ("command-1", Operation.ACTIVATE)


states = some.sampled_from(
    [
        *(RESERVED, ACTIVE, ACTIVE_IN_FULL_USE, FAILED),
        *(RESERVED._replace(account_id="bolt"), ACTIVE._replace(site_id="paris")),
        RESERVED._replace(status=NumberStatus.AVAILABLE, account_id=None),
        RESERVED._replace(status=NumberStatus.COOLDOWN),
        ACTIVE._replace(assigned_to="Grace"),
        pending_number(RESERVED, activate(command_id="earlier")),
        pending_number(ACTIVE, deactivate(command_id="earlier")),
    ]
)
main_states = some.sampled_from([RESERVED, ACTIVE])
targets = some.sampled_from([RINGING_MAIN_NUMBER.targets, frozenset()])
commands = some.builds(
    lambda make, phone_number, command_id, wording: make(phone_number, command_id, **wording),
    some.sampled_from([activate, deactivate]),
    some.sampled_from([MAIN_PHONE_NUMBER, PHONE_NUMBER, OTHER, "+442079469999"]),
    some.sampled_from(["1", "2", "3"]),
    some.fixed_dictionaries(
        {}, optional={"expirytime": some.sampled_from([NOW - timedelta(1), NOW + timedelta(1)])}
    ),
)
policies = some.sets(some.sampled_from(Step)).map(
    lambda steps: replace(POLICY, awaited_steps=frozenset(steps))
)


@some.composite
def snapshots(draw: some.DrawFn) -> Snapshot:
    """Numbers in any state, some with a main number that rings a hunt group."""
    main = draw(main_states)._replace(phone_number=MAIN_PHONE_NUMBER, main_number=True)
    ringing = RINGING_MAIN_NUMBER._replace(status=main.status, targets=draw(targets))
    first, second = draw(states), draw(states)._replace(phone_number=OTHER)
    return snapshot_of(main, first, second, limit=draw(some.integers(0, 4)), main=ringing)


@given(snapshots(), some.lists(commands, max_size=3), commands, policies)
def test_a_preview_says_exactly_what_happens_to_the_command(
    snapshot: Snapshot, before: list[Command], command: Command, policy: Policy
) -> None:
    batch = [*before, command]
    if ACME_LONDON in may_be_exhausted(snapshot, batch):
        snapshot.service_holders[ACME_LONDON] = ()

    preview = preview_of(snapshot, *batch, policy=policy)
    decisions = decide_all(snapshot, batch, NOW, policy)
    decided = decisions[-1]

    match decided.outcome:
        case Outcome.PENDING:
            assert_is_the_course(preview, decided, completed(snapshot, decisions, policy))
        case Outcome.REJECTED:
            assert_is_the_rejection(preview, rejection_data(decided))
        case _:
            assert decided.first_answer is not None
            was_accepted = decided.first_answer.type.endswith("status_changed.v1")
            assert (preview.would is Would.BE_ACCEPTED) is was_accepted
            assert preview.messages == ()


def assert_is_the_course(preview: PreviewedData, begun: Decision, end: Decision) -> None:
    reached = status_data(end)
    assert (preview.would, preview.code) == (Would.BE_ACCEPTED, None)
    assert (preview.status, preview.entitlement) == (reached.status, reached.entitlement)
    assert preview.settings_cleared == reached.settings_cleared
    assert preview.manual_logout == reached.manual_logout
    assert [(it.type, it.data) for it in preview.messages] == to_pbx(
        (*begun.messages, *end.messages)
    )


def assert_is_the_rejection(preview: PreviewedData, rejected: CommandRejectedData) -> None:
    assert (preview.would, preview.code) == (Would.BE_REFUSED, rejected.code)
    assert (preview.message, preview.status) == (rejected.message, rejected.status)
    assert (preview.entitlement, preview.holders) == (rejected.entitlement, rejected.holders)
    assert preview.messages == ()


@given(snapshots(), some.lists(commands, max_size=4), commands, some.integers(0, 4))
def test_a_preview_leaves_nothing_for_the_commands_around_it(
    snapshot: Snapshot, batch: list[Command], command: Command, place: int
) -> None:
    with_preview = [*batch[:place], previewed(command), *batch[place:]]
    decisions = decide_all(snapshot, with_preview, NOW, POLICY)
    del decisions[min(place, len(batch))]

    assert decisions == decide_all(snapshot, batch, NOW, POLICY)


def completed(snapshot: Snapshot, decisions: Sequence[Decision], policy: Policy) -> Decision:
    """The end of the last decision's operation, once the PBX has done every step."""
    numbers = dict(snapshot.numbers)
    numbers.update({it.number.phone_number: it.number for it in decisions if it.number})
    begun = decisions[-1]
    assert begun.number is not None
    numbers[begun.number.phone_number] = with_steps_done(begun.number)
    used = status_data(begun).entitlement
    assert used is not None
    main = snapshot.main_numbers[ACME_LONDON]._replace(status=numbers[MAIN_PHONE_NUMBER].status)
    after = Snapshot(
        numbers, {ACME_LONDON: Usage(used.limit, used.active, used.pending)}, {ACME_LONDON: main}
    )
    ((_, end),) = advance_all(after, [begun.number.phone_number], NOW, policy)
    return end


def to_pbx(messages: Sequence[PublishedMessage]) -> list[tuple[str, Any]]:
    return [(it.type, it.data) for it in messages if isinstance(it, PBX_MESSAGES)]
