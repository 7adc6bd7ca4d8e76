"""What the worker says can always be read, by its own contracts, whatever the texts are."""

from hypothesis import given
from hypothesis import strategies as some

from contracts.catalogue import CATALOGUE, definition_of
from contracts.envelope import CONTENT_TYPE
from contracts.messages import PublishedMessage
from contracts.reading import read
from contracts.values import DeviceKind, FailureCode, NumberStatus
from tests.support.builders import (
    ACTIVE_IN_FULL_USE,
    AWAITING_ALL,
    NOW,
    POLICY,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    begun,
    completed,
    deactivate,
    decided,
    followed,
    step_failed,
)
from worker.core.situation import HandsetLogin, Number

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


@given(active_numbers, ids.filter(lambda it: len(it.encode()) <= 255), texts, texts)
def test_every_message_reads_back_as_what_was_said(
    active: Number, command_id: str, hunt_group_id: str, trace: str
) -> None:
    taken_down = deactivate(command_id=command_id, traceparent=trace, tracestate=trace)
    blank = RESERVED._replace(extension=active.extension)
    ringing = RINGING_MAIN_NUMBER._replace(hunt_group_id=hunt_group_id)

    messages = [
        *decided(active, taken_down).messages,
        *completed(begun(active, taken_down)).messages,
        *decided(blank, activate(command_id=command_id)).messages,
        *completed(begun(blank, activate(command_id=command_id)), ringing).messages,
        *decided(active, activate(command_id=command_id)).messages,
    ]

    # A deactivation and an activation that joins a group, with their PENDING, and a refusal.
    assert len(messages) >= 7
    for message in messages:
        assert read_back(message) == message


@given(active_numbers)
def test_a_deactivation_clears_whatever_was_set(active: Number) -> None:
    ended = completed(begun(active, deactivate())).number

    assert ended == RESERVED._replace(extension=active.extension, sequence=active.sequence + 2)


@given(active_numbers)
def test_no_id_is_given_twice_whatever_the_names_of_groups_and_devices(active: Number) -> None:
    messages = [
        *decided(active, deactivate()).messages,
        *completed(begun(active, deactivate())).messages,
    ]

    assert len({message.id for message in messages}) == len(messages)


def test_every_message_of_the_catalogue_is_said_on_some_occasion() -> None:
    activating = begun(RESERVED, activate(), AWAITING_ALL)
    refusal = step_failed(activating, FailureCode.PBX_REFUSED)
    messages = [
        *decided(None, activate()).messages,
        *decided(ACTIVE_IN_FULL_USE, deactivate()).messages,
        *completed(begun(ACTIVE_IN_FULL_USE, deactivate())).messages,
        *followed(activating, now=NOW + POLICY.at_risk_after).messages,
        *followed(refusal).messages,
    ]

    published = {row.message for row in CATALOGUE if row.direction == "published"}
    assert {type(message) for message in messages} == published
