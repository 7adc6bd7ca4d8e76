"""The plan of a campaign: the seed determines it, and every command and fault has a place."""

from collections import Counter
from dataclasses import replace

import pytest

from tests.campaign.planning.plan import commands, emissions
from tests.campaign.planning.platform import (
    ALWAYS,
    KEYS,
    NUMBER_IN_USE,
    STATUS_NOT_ALLOWED,
    statement_emissions,
    statements,
)
from tests.campaign.planning.schedule import FIRST, LAST, SIZES, Fault, Track, gate, tracks
from tests.campaign.planning.world import GUEST, build, numbers_of

COUNT = 5000
WORLD = build(7, 600)
PLANNED = list(commands(WORLD, 7, COUNT))
EMITTED = list(emissions(PLANNED, 7))
SAID = statements(WORLD, 7, PLANNED, 500)


def test_same_seed_plans_the_same_campaign() -> None:
    assert build(7, 600) == WORLD
    assert list(commands(WORLD, 7, COUNT)) == PLANNED
    assert list(emissions(PLANNED, 7)) == EMITTED
    assert tracks(7, SIZES["full"].faults) == tracks(7, SIZES["full"].faults)


def test_different_seeds_plan_different_campaigns() -> None:
    assert list(commands(WORLD, 8, COUNT)) != PLANNED
    assert tracks(8, SIZES["full"].faults) != tracks(7, SIZES["full"].faults)


def test_plan_publishes_every_command_and_repeats_a_tenth() -> None:
    originals = [emission.message for emission in EMITTED if not emission.repeat]
    repeated = [emission.message for emission in EMITTED if emission.repeat]

    assert sorted(originals, key=lambda message: message.position) == PLANNED
    assert 0.08 * COUNT < len(repeated) < 0.12 * COUNT


def test_repeat_follows_its_command_with_the_same_body() -> None:
    originals = {item.message.position: item for item in EMITTED if not item.repeat}
    repeats = [(item, originals[item.message.position]) for item in EMITTED if item.repeat]

    assert repeats
    assert all(repeat.place > original.place for repeat, original in repeats)
    assert all(repeat.message.body == original.message.body for repeat, original in repeats)


def test_plan_publishes_one_command_in_twenty_late() -> None:
    order = [item.message.position for item in EMITTED if not item.repeat]
    late = sum(item.place != item.message.position for item in EMITTED if not item.repeat)

    assert order != sorted(order)
    assert 0.03 * COUNT < late < 0.07 * COUNT


def test_plan_covers_every_status_device_kind_and_reason_for_a_refusal() -> None:
    numbers = {number.phone_number: number for number in numbers_of(WORLD)}
    statuses = {number.status for number in numbers.values()}
    assigned = {number.phone_number for number in numbers.values() if number.assigned}
    kinds = {kind for number in numbers.values() for _, kind in number.devices}

    assert statuses == {"AVAILABLE", "RESERVED", "ACTIVE", "COOLDOWN"}
    assert kinds == {"digital", "analogue", "softphone"}
    assert {command.operation for command in PLANNED} == {"activate", "deactivate"}
    assert any(command.expired for command in PLANNED)
    assert any(command.phone_number not in numbers for command in PLANNED)
    assert any(command.site_id == "elsewhere" for command in PLANNED)
    assert any(command.phone_number in assigned for command in PLANNED)
    assert all(holder.services < len(holder.numbers) for holder in WORLD)


def test_all_faults_are_due_while_commands_are_published() -> None:
    planned = tracks(7, SIZES["full"].faults)
    shares = [share for track in planned.values() for share, _ in track.due]

    assert Counter(fault for track in planned.values() for _, fault in track.due) == (
        SIZES["full"].faults
    )
    assert FIRST <= min(shares) <= max(shares) <= LAST
    assert all(track.due == sorted(track.due) for track in planned.values())


def test_an_upgrade_migrates_first_and_then_replaces_one_worker_after_the_other() -> None:
    size = replace(SIZES["short"], upgrade=True)

    assert [step for _, step in tracks(7, size.faults)["upgrade"].due] == [
        Fault.SCHEMA_MIGRATED,
        Fault.WORKER_UPGRADED,
        Fault.WORKER_UPGRADED,
        Fault.WORKER_TAKEN_BACK,
    ]
    assert tracks(7, SIZES["short"].faults)["upgrade"].due == []


def test_full_size_has_a_million_commands_and_1200_kills_and_restarts() -> None:
    faults = SIZES["full"].faults

    assert SIZES["full"].commands == 1_000_000
    assert faults[Fault.WORKER_KILL] == 1000
    assert faults[Fault.BROKER_KILL] + faults[Fault.BROKER_RESTART] == 100
    assert faults[Fault.DATABASE_KILL] + faults[Fault.DATABASE_RESTART] == 100


def test_gate_holds_commands_back_for_the_track_that_is_behind() -> None:
    ahead, behind = Track([(0.8, Fault.WORKER_KILL)]), Track([(0.2, Fault.BROKER_KILL)])

    limit = gate({"one": ahead, "other": behind}, SIZES["short"])
    assert limit == round((0.2 + SIZES["short"].ahead) * SIZES["short"].commands)


def test_gate_without_faults_holds_nothing_back() -> None:
    assert gate({"one": Track()}, SIZES["short"]) > 2 * SIZES["short"].commands


def test_platform_states_one_record_for_about_twenty_commands() -> None:
    assert statements(WORLD, 7, PLANNED, 500) == SAID
    assert 0.04 * COUNT < len(SAID) < 0.08 * COUNT
    assert {item.kind for item in SAID} == set(KEYS)


def test_platform_states_every_kind_of_record_and_ends_some() -> None:
    ended = {item.kind for item in SAID if item.deleted}
    conflicts = {item.conflict for item in SAID}

    assert ended == set(KEYS) - {"call_settings"}
    assert conflicts == {"", NUMBER_IN_USE, STATUS_NOT_ALLOWED, *ALWAYS}


@pytest.mark.parametrize("seed", range(5))
def test_no_record_waits_at_the_end_for_a_number_that_was_deleted(seed: int) -> None:
    said = statements(WORLD, seed, list(commands(WORLD, seed, 4 * COUNT)), 500)
    provisioned = {number.phone_number for holder in WORLD for number in holder.numbers}
    orphans: Counter[str] = Counter()
    for statement in (item for item in said if item.kind != "voice_service"):
        if statement.kind != "phone_number":
            orphans[statement.subject] += statement.subject not in provisioned
        elif statement.deleted:
            provisioned.discard(statement.subject)
        else:
            provisioned.add(statement.subject)
            orphans.pop(statement.subject, None)

    assert not +orphans


def test_some_older_versions_follow_newer_ones() -> None:
    newest: dict[tuple[str, ...], int] = {}
    late = 0
    for item in SAID:
        record = (item.kind, *item.key)
        late += item.version < newest.get(record, 0)
        newest[record] = max(item.version, newest.get(record, 0))

    assert late > 0.02 * len(SAID)
    assert len({(item.kind, item.key, item.version) for item in SAID}) == len(SAID)


def test_statements_are_published_in_their_order_and_some_again() -> None:
    emitted = list(statement_emissions(SAID, 7))
    places = [item.place for item in emitted]

    assert [item.message for item in emitted if not item.repeat] == SAID
    assert places == sorted(places)
    assert any(item.repeat for item in emitted)


def test_commands_come_from_the_guest_for_numbers_that_move() -> None:
    moving = {number.phone_number for number in numbers_of(WORLD) if number.moves}
    by_guest = {item.phone_number for item in PLANNED if item.account_id == GUEST}

    assert by_guest
    assert by_guest <= moving
