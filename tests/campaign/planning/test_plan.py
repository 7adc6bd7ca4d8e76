"""The plan of a campaign: the seed determines it, and every command and fault has a place."""

from collections import Counter

from tests.campaign.planning.plan import commands, emissions
from tests.campaign.planning.schedule import FIRST, LAST, SIZES, Fault, Track, gate, tracks
from tests.campaign.planning.world import build, numbers_of

COUNT = 5000
WORLD = build(7, 600)
PLANNED = list(commands(WORLD, 7, COUNT))
EMITTED = list(emissions(PLANNED, 7))


def test_same_seed_plans_the_same_campaign() -> None:
    assert build(7, 600) == WORLD
    assert list(commands(WORLD, 7, COUNT)) == PLANNED
    assert list(emissions(PLANNED, 7)) == EMITTED
    assert tracks(7, SIZES["full"].faults) == tracks(7, SIZES["full"].faults)


def test_different_seeds_plan_different_campaigns() -> None:
    assert list(commands(WORLD, 8, COUNT)) != PLANNED
    assert tracks(8, SIZES["full"].faults) != tracks(7, SIZES["full"].faults)


def test_plan_publishes_every_command_and_repeats_a_tenth() -> None:
    originals = [emission.command for emission in EMITTED if not emission.repeat]
    repeated = [emission.command for emission in EMITTED if emission.repeat]

    assert sorted(originals) == PLANNED
    assert 0.08 * COUNT < len(repeated) < 0.12 * COUNT


def test_repeat_follows_its_command_with_the_same_body() -> None:
    originals = {item.command.position: item for item in EMITTED if not item.repeat}
    repeats = [(item, originals[item.command.position]) for item in EMITTED if item.repeat]

    assert repeats
    assert all(repeat.place > original.place for repeat, original in repeats)
    assert all(repeat.command.body == original.command.body for repeat, original in repeats)


def test_plan_publishes_one_command_in_twenty_late() -> None:
    order = [item.command.position for item in EMITTED if not item.repeat]
    late = sum(item.place != item.command.position for item in EMITTED if not item.repeat)

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
