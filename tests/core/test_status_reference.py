"""What the contracts say of the statuses is what the rules do."""

import pytest
from activation_contracts.refusals import RefusalCode
from activation_contracts.statuses import STATUS_CHANGES, STATUSES, StatusGuide
from activation_contracts.values import NumberStatus, Operation

from tests.support.data.builders import RESERVED, command_to, decide_command
from worker.core.directory.moves import MOVES
from worker.core.operations.transitions import TRANSITIONS

HELD = {NumberStatus.RESERVED, NumberStatus.PENDING, NumberStatus.ACTIVE}


def refusal(status: NumberStatus, operation: Operation, account: str | None) -> RefusalCode | None:
    """How a command is refused that finds a number of this account in this status."""
    number = RESERVED._replace(status=status, account_id=account)
    return decide_command(number, command_to(operation)).refusal


@pytest.mark.parametrize("guide", STATUSES, ids=lambda guide: guide.status)
def test_guide_of_a_status_names_the_refusals_of_both_commands(guide: StatusGuide) -> None:
    account = "acme" if guide.status in HELD else None

    assert refusal(guide.status, Operation.ACTIVATE, account) == guide.activate
    assert refusal(guide.status, Operation.DEACTIVATE, account) == guide.deactivate


def test_guide_of_cooldown_names_the_refusals_of_a_number_that_an_account_still_holds() -> None:
    (guide,) = (guide for guide in STATUSES if guide.status is NumberStatus.COOLDOWN)

    for operation in Operation:
        assert f"`{refusal(NumberStatus.COOLDOWN, operation, 'acme')}`" in guide.remarks


def test_every_status_has_a_guide() -> None:
    assert [guide.status for guide in STATUSES] == [*NumberStatus]


def test_numbers_that_use_a_voice_service_are_those_that_count_against_the_entitlement() -> None:
    # `active` and `pending` of the entitlement [S].
    assert {guide.status for guide in STATUSES if guide.uses_a_service} == {
        NumberStatus.ACTIVE,
        NumberStatus.PENDING,
    }


def test_changes_of_the_contracts_are_those_of_worker_and_platform() -> None:
    stated = {(it.by, it.name, it.before, it.after) for it in STATUS_CHANGES}
    provisioned = {*NumberStatus} - {NumberStatus.PENDING}

    assert stated == {
        *(("worker", transition.value, *ends) for transition, ends in TRANSITIONS.items()),
        *(("platform", name, *ends) for ends, name in MOVES.items()),
        *(("platform", "provision", None, status) for status in provisioned),
    }
    assert len(STATUS_CHANGES) == len(stated)
