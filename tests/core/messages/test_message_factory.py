"""Every message can be read back by the contracts, for all texts in its fields."""

from activation_contracts.catalogue import CATALOGUE, definition_of
from activation_contracts.envelope import CONTENT_TYPE
from activation_contracts.messages import PublishedMessage
from activation_contracts.reading import read
from activation_contracts.values import DeviceKind, FailureCode, NumberStatus
from hypothesis import given
from hypothesis import strategies as some

from tests.support.data.builders import (
    ACME_LONDON,
    ACTIVE,
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    NOW,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    advance_number,
    complete_number,
    deactivate,
    decide_command,
    pending_number,
    previewed,
    with_failed_step,
    with_steps_done,
)
from tests.support.data.stating import deleted, number_key
from worker.core.batch import Snapshot, decide_all
from worker.core.cause import Cause
from worker.core.directory.apply import apply_all
from worker.core.directory.held import Directory, HeldNumber
from worker.core.entitlement import change_of
from worker.core.messages.snapshots import Origin, Selection, SnapshotFactory
from worker.core.situation import HandsetLogin, Number, Usage

CAUSE = Cause("/platform", "message-1", "story-1")
SHORT_AND_NOT = (Usage(0, 1), Usage(1, 1, exceeded=True))

texts = some.text(some.characters(exclude_categories=["Cs"], exclude_characters="\x00"))
ids = texts.filter(bool)
active_numbers = some.builds(
    Number,
    phone_number=some.just(RESERVED.phone_number),
    site_id=some.just("london"),
    account_id=some.just("acme"),
    extension=some.none() | texts,
    status=some.just(NumberStatus.ACTIVE),
    sequence=some.integers(0, 2**62),
    main_number=some.sampled_from([False]),
    assigned_to=some.none(),
    label=some.none() | texts,
    features=some.lists(texts, unique=True, max_size=4).map(tuple),
    has_call_settings=some.sampled_from([False]),
    hunt_groups=some.lists(texts, unique=True, max_size=4).map(tuple),
    has_waiting_records=some.sampled_from([False]),
    logins=some.lists(
        some.builds(HandsetLogin, texts, some.sampled_from(DeviceKind)),
        unique_by=lambda login: login.device_id,
        max_size=4,
    ).map(tuple),
    ongoing=some.none(),
)


def read_back(message: PublishedMessage) -> object:
    definition = definition_of(type(message))
    return read(message.encode(), CONTENT_TYPE, {definition.type: definition.message})


@given(active_numbers, ids.filter(lambda it: len(it.encode()) <= 255), texts, texts.filter(bool))
def test_every_message_is_read_back_unchanged(
    active: Number, command_id: str, hunt_group_id: str, trace: str
) -> None:
    deactivation = deactivate(command_id=command_id, traceparent=trace, tracestate=trace)
    blank = RESERVED._replace(extension=active.extension)
    ringing = RINGING_MAIN_NUMBER._replace(hunt_group_id=hunt_group_id)

    messages = [
        *decide_command(active, deactivation).messages,
        *complete_number(pending_number(active, deactivation)).messages,
        *decide_command(blank, activate(command_id=command_id)).messages,
        *complete_number(pending_number(blank, activate(command_id=command_id)), ringing).messages,
        *decide_command(active, activate(command_id=command_id)).messages,
    ]

    # A deactivation and an activation that joins a group, with their PENDING, and a refusal.
    assert len(messages) >= 7
    for message in messages:
        assert read_back(message) == message


@given(active_numbers)
def test_a_deactivation_clears_all_settings(active: Number) -> None:
    ended = complete_number(pending_number(active, deactivate())).number

    assert ended == RESERVED._replace(extension=active.extension, sequence=active.sequence + 2)


@given(active_numbers)
def test_message_ids_are_distinct_for_all_names_of_groups_and_devices(active: Number) -> None:
    messages = [
        *decide_command(active, deactivate()).messages,
        *complete_number(pending_number(active, deactivate())).messages,
    ]

    assert len({message.id for message in messages}) == len(messages)


def test_the_core_produces_every_published_message_of_the_catalogue() -> None:
    activating = pending_number(RESERVED, activate(), AWAITING_ALL)
    refusal = with_failed_step(activating, FailureCode.PBX_REFUSED)
    joining = advance_number(with_steps_done(activating), RINGING_MAIN_NUMBER).number
    assert joining is not None
    previews = decide_all(Snapshot(), [previewed(activate())], NOW, POLICY)
    messages = [
        *decide_command(None, activate()).messages,
        *decide_command(ACTIVE_IN_FULL_USE, deactivate()).messages,
        *complete_number(pending_number(ACTIVE_IN_FULL_USE, deactivate())).messages,
        *advance_number(activating, now=NOW + POLICY.at_risk_after).messages,
        *advance_number(refusal).messages,
        *advance_number(with_steps_done(joining)).messages,
        *filter(None, (change_of(ACME_LONDON, usage, CAUSE, NOW) for usage in SHORT_AND_NOT)),
        SnapshotFactory(Origin.of_operator("run-1"), Selection(), NOW, numbers=0, usage=None).page(
            1, []
        ),
        *filter(None, (decision.preview for decision in previews)),
        *apply_all(
            Directory({ACTIVE.phone_number: HeldNumber(ACTIVE)}), [deleted(number_key())], NOW
        ).messages,
    ]

    published = {row.message for row in CATALOGUE if row.direction == "published"}
    assert {type(message) for message in messages} == published
