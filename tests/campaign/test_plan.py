"""What a campaign plans: the same for each seed, and of everything something."""

from collections import Counter

from tests.campaign.plan import commands, emissions
from tests.campaign.schedule import FIRST, LAST, SIZES, Fault, Lane, gate, lanes
from tests.campaign.world import build, numbers_of

COUNT = 5000
WORLD = build(7, 600)
PLANNED = list(commands(WORLD, 7, COUNT))
EMITTED = list(emissions(PLANNED, 7))


def test_a_seed_plans_the_same_campaign_again() -> None:
    assert build(7, 600) == WORLD
    assert list(commands(WORLD, 7, COUNT)) == PLANNED
    assert list(emissions(PLANNED, 7)) == EMITTED
    assert lanes(7, SIZES["full"].faults) == lanes(7, SIZES["full"].faults)


def test_another_seed_plans_another_one() -> None:
    assert list(commands(WORLD, 8, COUNT)) != PLANNED
    assert lanes(8, SIZES["full"].faults) != lanes(7, SIZES["full"].faults)


def test_every_command_is_published_and_a_tenth_of_them_once_more() -> None:
    first = [emission.command for emission in EMITTED if not emission.repeat]
    repeated = [emission.command for emission in EMITTED if emission.repeat]

    assert sorted(first) == PLANNED
    assert 0.08 * COUNT < len(repeated) < 0.12 * COUNT


def test_a_repeat_comes_after_its_command_and_says_the_same() -> None:
    first = {item.command.position: item for item in EMITTED if not item.repeat}
    repeats = [(item, first[item.command.position]) for item in EMITTED if item.repeat]

    assert repeats
    assert all(repeat.place > original.place for repeat, original in repeats)
    assert all(repeat.command.body == original.command.body for repeat, original in repeats)


def test_one_in_twenty_is_later_than_its_neighbours() -> None:
    order = [item.command.position for item in EMITTED if not item.repeat]
    moved = sum(item.place != item.command.position for item in EMITTED if not item.repeat)

    assert order != sorted(order)
    assert 0.03 * COUNT < moved < 0.07 * COUNT


def test_commands_can_have_every_outcome() -> None:
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


def test_all_faults_are_due_while_there_are_commands() -> None:
    planned = lanes(7, SIZES["full"].faults)
    due = [share for lane in planned.values() for share, _ in lane.due]

    assert Counter(fault for lane in planned.values() for _, fault in lane.due) == (
        SIZES["full"].faults
    )
    assert FIRST <= min(due) <= max(due) <= LAST
    assert all(lane.due == sorted(lane.due) for lane in planned.values())


def test_the_full_size_is_what_is_promised() -> None:
    faults = SIZES["full"].faults

    assert SIZES["full"].commands == 1_000_000
    assert faults[Fault.WORKER_KILL] == 1000
    assert faults[Fault.BROKER_KILL] + faults[Fault.BROKER_RESTART] == 100
    assert faults[Fault.DATABASE_KILL] + faults[Fault.DATABASE_RESTART] == 100


def test_commands_wait_for_the_lane_that_is_behind() -> None:
    ahead, behind = Lane([(0.8, Fault.WORKER_KILL)]), Lane([(0.2, Fault.BROKER_KILL)])

    due = gate({"one": ahead, "other": behind}, SIZES["short"])
    assert due == round((0.2 + SIZES["short"].ahead) * SIZES["short"].commands)


def test_without_faults_nothing_is_held_back() -> None:
    assert gate({"one": Lane()}, SIZES["short"]) > 2 * SIZES["short"].commands
