"""The platform moves a number only where the move belongs to it."""

import pytest
from activation_contracts.messages.directory import ConflictCode
from activation_contracts.values import NumberStatus

from tests.support.data.builders import RESERVED
from tests.support.data.stating import number
from worker.core.directory.moves import Conflict, first_status, next_status

AVAILABLE, RESERVED_, ACTIVE, COOLDOWN = "AVAILABLE", "RESERVED", "ACTIVE", "COOLDOWN"
NOT_ALLOWED, IN_USE = ConflictCode.STATUS_NOT_ALLOWED, ConflictCode.NUMBER_IN_USE

MOVES = [
    # held, account held, said, account said, what follows
    (AVAILABLE, None, None, "acme", RESERVED_),
    (AVAILABLE, None, None, None, AVAILABLE),
    (AVAILABLE, None, AVAILABLE, None, AVAILABLE),
    (AVAILABLE, None, RESERVED_, "acme", RESERVED_),
    (AVAILABLE, None, COOLDOWN, None, COOLDOWN),
    (AVAILABLE, None, ACTIVE, "acme", NOT_ALLOWED),
    (RESERVED_, "acme", None, "acme", RESERVED_),
    (RESERVED_, "acme", None, "other", RESERVED_),
    (RESERVED_, "acme", None, None, AVAILABLE),
    (RESERVED_, "acme", RESERVED_, "other", RESERVED_),
    (RESERVED_, "acme", AVAILABLE, None, AVAILABLE),
    (RESERVED_, "acme", COOLDOWN, None, COOLDOWN),
    (RESERVED_, "acme", COOLDOWN, "acme", COOLDOWN),
    (RESERVED_, "acme", ACTIVE, "acme", NOT_ALLOWED),
    (COOLDOWN, None, None, None, COOLDOWN),
    (COOLDOWN, None, None, "acme", COOLDOWN),
    (COOLDOWN, None, COOLDOWN, None, COOLDOWN),
    (COOLDOWN, None, AVAILABLE, None, AVAILABLE),
    (COOLDOWN, None, RESERVED_, "acme", NOT_ALLOWED),
    (COOLDOWN, None, ACTIVE, "acme", NOT_ALLOWED),
    (ACTIVE, "acme", None, "acme", ACTIVE),
    (ACTIVE, "acme", ACTIVE, "acme", ACTIVE),
    (ACTIVE, "acme", RESERVED_, "acme", ACTIVE),
    (ACTIVE, "acme", RESERVED_, "other", IN_USE),
    (ACTIVE, "acme", ACTIVE, "other", IN_USE),
    (ACTIVE, "acme", None, "other", IN_USE),
    (ACTIVE, "acme", None, None, IN_USE),
    (ACTIVE, "acme", AVAILABLE, None, IN_USE),
    (ACTIVE, "acme", COOLDOWN, "acme", IN_USE),
    (ACTIVE, "acme", COOLDOWN, None, IN_USE),
]


@pytest.mark.parametrize(("held", "account", "said", "account_said", "expected"), MOVES)
def test_a_number_moves_as_the_table_of_the_platform_says(
    held: str, account: str | None, said: str | None, account_said: str | None, expected: str
) -> None:
    before = RESERVED._replace(status=NumberStatus(held), account_id=account)
    record = number(status=said, account_id=account_said)

    if isinstance(expected, ConflictCode):
        with pytest.raises(Conflict) as conflict:
            next_status(before, record)
        assert conflict.value.code is expected
    else:
        assert next_status(before, record) == expected


def test_an_active_number_stays_at_its_site() -> None:
    with pytest.raises(Conflict, match="deactivate it first"):
        next_status(RESERVED._replace(status=NumberStatus.ACTIVE), number(site_id="paris"))


@pytest.mark.parametrize(
    ("said", "account", "expected"),
    [
        (None, None, AVAILABLE),
        (None, "acme", RESERVED_),
        (ACTIVE, "acme", ACTIVE),
        (COOLDOWN, None, COOLDOWN),
        (RESERVED_, "acme", RESERVED_),
    ],
)
def test_a_number_is_provisioned_in_the_status_said_or_implied(
    said: str | None, account: str | None, expected: str
) -> None:
    assert first_status(number(status=said, account_id=account)) == expected
