"""Reordered, repeated, or replayed from the beginning: the end state is the same."""

from collections.abc import Mapping, Sequence

from activation_contracts.records import RecordKey
from activation_contracts.values import NumberStatus
from hypothesis import given
from hypothesis import strategies as st

from tests.support.data.builders import NOW, RESERVED, activate, pending_number
from tests.support.data.stating import (
    deleted,
    login,
    login_key,
    member,
    member_key,
    number,
    service,
    service_key,
    settings,
    settings_key,
    stated,
)
from worker.core.directory.apply import apply_all
from worker.core.directory.change import Change, RecordId
from worker.core.directory.held import Directory, HeldNumber

NUMBERS = ("+442079460001", "+442079460002")
MAIN = "+442079460100"
BOOLEANS = st.booleans()

# A record: what the platform may state of it, and its key to delete it.
HISTORIES: Sequence[tuple[Sequence[RecordKey], RecordKey | None]] = (
    *(
        ((number(one), number(one, label="a"), number(one, assigned_to="Ada")), None)
        for one in NUMBERS
    ),
    ((number(MAIN, main_number=True), number(MAIN, main_number=True, label="front desk")), None),
    ((settings(MAIN), settings(MAIN, "evening")), settings_key(MAIN)),
    *(((member("sales", one),), member_key("sales", one)) for one in NUMBERS),
    *(((login("desk", phone_number=one),), login_key("desk", one)) for one in NUMBERS),
    ((service(1), service(5)), service_key()),
)


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """For each record a few versions, the first of a number stating it."""
    changes: list[Change] = []
    for states, key in HISTORIES:
        for version in range(1, draw(st.integers(2, 4))):
            choices = [stated(state, version) for state in states]
            choices += [deleted(key, version)] if key else []
            changes.append(draw(st.sampled_from(choices)))
    return changes


def model_of(changes: Sequence[Change]) -> Mapping[RecordId, RecordKey]:
    """The last version of each record counts, and a deleted record does not exist."""
    newest: dict[RecordId, Change] = {}
    for change in changes:
        known = newest.get(change.id)
        if known is None or (change.version or 0) > (known.version or 0):
            newest[change.id] = change
    return {key: change.record for key, change in newest.items() if not change.deleted}


def records_of(directory: Directory) -> Mapping[RecordId, RecordKey]:
    """Every record that is held, as the platform would state it."""
    records: list[RecordKey] = list(directory.services.values())
    for held in directory.numbers.values():
        own = held.number
        name = own.phone_number
        fields = {"label": own.label, "assigned_to": own.assigned_to}
        records.append(number(name, main_number=own.main_number, **fields))
        records += [held.call_settings] if held.call_settings else []
        records += [member(group, name) for group in own.hunt_groups]
        records += [login(device, kind, name) for device, kind in own.logins]
    return {RecordId(record.KIND, record.key): record for record in records}


def locked(directory: Directory, phone_number: str) -> Directory:
    """The directory while an operation of the number is under way."""
    copy = directory.copy()
    held = copy.numbers[phone_number]
    reserved = held.number._replace(status=NumberStatus.RESERVED)
    copy.numbers[phone_number] = held._replace(
        number=pending_number(reserved, activate(phone_number))
    )
    return copy


def released(directory: Directory) -> Directory:
    """The directory after the operations have ended, and what waited for them was applied."""
    copy = directory.copy()
    for name, held in copy.numbers.items():
        ended = held.number._replace(status=NumberStatus.ACTIVE, ongoing=None)
        copy.numbers[name] = held._replace(number=ended)
    return apply_all(copy, (), NOW).directory


@given(data=st.data(), history=histories())
def test_the_end_state_does_not_depend_on_the_order_or_number_of_deliveries(
    data: st.DataObject, history: list[Change]
) -> None:
    repeated = data.draw(st.lists(st.sampled_from(history), max_size=10))
    delivered = data.draw(st.permutations([*history, *repeated]))
    directory = Directory()
    for change in delivered:
        known = sorted(directory.numbers)
        if data.draw(BOOLEANS) and known:
            directory = locked(directory, data.draw(st.sampled_from(known)))
        directory = apply_all(directory, [change], NOW).directory
        if data.draw(BOOLEANS):
            directory = released(directory)
    directory = released(directory)

    assert records_of(directory) == model_of(history)
    assert not any(directory.waiting.values())
    replayed = apply_all(directory, history, NOW).directory
    assert records_of(replayed) == model_of(history)


@given(history=histories())
def test_one_batch_leads_to_the_same_as_many(history: list[Change]) -> None:
    one_by_one = Directory()
    for change in history:
        one_by_one = apply_all(one_by_one, [change], NOW).directory

    assert apply_all(Directory(), history, NOW).directory == one_by_one


@given(
    history=st.lists(
        st.sampled_from(
            [
                *(number(status=None, account_id=account) for account in ("acme", "other", None)),
                number(account_id=None, status="COOLDOWN"),
                number(account_id=None, status="AVAILABLE"),
                number(status="ACTIVE"),
            ]
        ),
        max_size=12,
    )
)
def test_every_change_of_the_status_is_published_without_a_gap(history: list[RecordKey]) -> None:
    directory = Directory(numbers={RESERVED.phone_number: HeldNumber(RESERVED)})
    changes = [stated(record, version) for version, record in enumerate(history)]
    applied = apply_all(directory, changes, NOW)

    published = [item.data for item in applied.messages if item.type.endswith("status_changed.v1")]
    sequences = [data.sequence for data in published]  # type: ignore[union-attr]
    assert sequences == list(range(8, 8 + len(sequences)))
    assert applied.directory.numbers[RESERVED.phone_number].number.sequence == 7 + len(sequences)
