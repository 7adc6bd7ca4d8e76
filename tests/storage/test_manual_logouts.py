"""A deactivation stores the manual logouts that it requires; each is open until it is closed."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import asyncpg
import pytest
from typing_extensions import override

from tests.support.data.builders import AWAITING_ALL, LATER, NOW, PHONE_NUMBER, POLICY, deactivate
from tests.support.data.inserts import handset_login, manual_logout, phone_numbers, voice_service
from tests.support.workers import rows, store
from worker.core.batch import advance_all, decide_all
from worker.core.operations.operation import Policy
from worker.core.operations.results import Resolution, apply_resolution
from worker.storage.connecting.engine import Database
from worker.storage.connecting.session import Row, Session
from worker.storage.loading import load_for_advance, load_for_commands
from worker.storage.manual_logouts import close_manual_logouts
from worker.storage.saving import Decided, WriteContext, save_advances, save_decisions

OTHER = "+442079460002"
SITE = (voice_service(2), phone_numbers(PHONE_NUMBER, status="ACTIVE", extension="101"))
LOGINS = (
    handset_login(PHONE_NUMBER, "desk", "digital"),
    handset_login(PHONE_NUMBER, "fax", "analogue"),
    handset_login(PHONE_NUMBER, "laptop", "softphone"),
)
OPEN = "SELECT device_id FROM manual_logouts WHERE closed_at IS NULL ORDER BY device_id"
STATE = "SELECT command_id, required_at, closed_at, closed_by FROM manual_logouts ORDER BY place"
AGAIN = f"UPDATE phone_numbers SET status = 'ACTIVE' WHERE phone_number = '{PHONE_NUMBER}'"


async def begin(session: Session, command_id: str = "command-2", policy: Policy = POLICY) -> None:
    """Accepts the deactivation: the number is PENDING, and its messages count as published."""
    command = deactivate(command_id=command_id)
    snapshot = await load_for_commands(session, [command], NOW)
    (decision,) = decide_all(snapshot, [command], NOW, policy)
    await save_decisions(session, WriteContext(0, NOW), [Decided(command, decision)])
    await session.driver.execute("DELETE FROM outbox")


async def end(session: Session, now: datetime = LATER) -> None:
    """Completes it."""
    snapshot = await load_for_advance(session, [PHONE_NUMBER], (), now)
    advanced = advance_all(snapshot, [PHONE_NUMBER], now, POLICY)
    await save_advances(session, WriteContext(0, now), advanced)


async def deactivated(database: Database, command_id: str, now: datetime = LATER) -> None:
    async with database.transaction() as session:
        await begin(session, command_id)
        await end(session, now)


async def test_a_deactivation_stores_a_manual_logout_for_each_device_that_is_not_digital(
    database: Database,
) -> None:
    await store(database, *SITE, *LOGINS)

    await deactivated(database, "command-2")

    (fax, laptop) = await rows(database, "SELECT * FROM manual_logouts ORDER BY place")
    common = ("101", "acme", "london", "/tests/web-tier", "command-2", LATER, None, None, None)
    assert fax[1:] == (PHONE_NUMBER, "fax", "analogue", *common)
    assert laptop[1:] == (PHONE_NUMBER, "laptop", "softphone", *common)


async def test_a_deactivation_that_is_given_up_stores_its_manual_logouts(
    database: Database,
) -> None:
    await store(database, *SITE, *LOGINS)

    async with database.transaction() as session:
        await begin(session, policy=AWAITING_ALL)
        snapshot = await load_for_advance(session, [PHONE_NUMBER], (), LATER)
        number = snapshot.numbers[PHONE_NUMBER]
        assert number.ongoing is not None
        given_up = apply_resolution(
            number.ongoing, Resolution.GIVE_UP, LATER, POLICY, reason="the PBX is gone"
        )
        snapshot.numbers[PHONE_NUMBER] = number._replace(ongoing=given_up)
        advanced = advance_all(snapshot, [PHONE_NUMBER], LATER, POLICY)
        await save_advances(session, WriteContext(0, LATER), advanced)

    assert await rows(database, "SELECT outcome FROM commands") == [("failed",)]
    assert await rows(database, OPEN) == [("fax",), ("laptop",)]


async def test_a_login_that_ended_during_the_deactivation_requires_no_manual_logout(
    database: Database,
) -> None:
    await store(database, *SITE, *LOGINS)
    await database.transact(begin)
    await store(database, "DELETE FROM handset_logins WHERE device_id = 'fax'")

    await database.transact(end)

    assert await rows(database, OPEN) == [("laptop",)]
    assert await rows(
        database, "SELECT count(*) FROM outbox WHERE routing_key LIKE 'handset.manual%'"
    ) == [(1,)]


async def test_a_later_deactivation_supersedes_the_open_manual_logout_of_the_same_device(
    database: Database,
) -> None:
    await store(database, *SITE, *LOGINS, manual_logout(OTHER, "fax", required_at=NOW))
    await deactivated(database, "first")
    await store(database, AGAIN, LOGINS[1])
    much_later = LATER + timedelta(days=1)

    await deactivated(database, "second", much_later)

    of_fax = f"{STATE.partition(' ORDER')[0]} WHERE device_id = 'fax' ORDER BY place"
    assert await rows(database, of_fax) == [
        ("command-1", NOW, None, None),
        ("first", LATER, much_later, "worker"),
        ("second", much_later, None, None),
    ]
    assert await rows(database, OPEN) == [("fax",), ("fax",), ("laptop",)]


async def test_closing_closes_what_is_open_at_these_devices_and_nothing_else(
    database: Database,
) -> None:
    await store(
        database,
        manual_logout(PHONE_NUMBER, "fax", command_id="this"),
        manual_logout(PHONE_NUMBER, "laptop", command_id="another device"),
        manual_logout(OTHER, "fax", command_id="another number"),
        manual_logout(
            PHONE_NUMBER, "fax", command_id="closed", closed_at=NOW, closed_by="Ada", reason="done"
        ),
    )
    devices = [(PHONE_NUMBER, "fax"), (OTHER, "laptop"), (PHONE_NUMBER, "unknown")]

    async with database.transaction() as session:
        closed = await close_manual_logouts(session, devices, LATER, closed_by="Lin", reason="off")

    assert closed == 1
    assert await rows(
        database,
        "SELECT command_id, closed_at, closed_by, reason FROM manual_logouts ORDER BY place",
    ) == [
        ("this", LATER, "Lin", "off"),
        ("another device", None, None, None),
        ("another number", None, None, None),
        ("closed", NOW, "Ada", "done"),
    ]


async def test_a_device_has_one_open_manual_logout_of_a_number_at_most(database: Database) -> None:
    await store(database, manual_logout(PHONE_NUMBER, "fax"))

    with pytest.raises(asyncpg.UniqueViolationError, match="one_open_manual_logout"):
        await store(database, manual_logout(PHONE_NUMBER, "fax"))


async def test_a_manual_logout_is_not_closed_without_who_and_why(database: Database) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match="closed_by_someone_for_a_reason"):
        await store(database, manual_logout(PHONE_NUMBER, closed_at=NOW, closed_by="Ada"))


class Counting(Session):
    """Records which queries run."""

    queries: list[str]

    @override
    async def fetch(self, name: str, /, **parameters: object) -> Sequence[Row]:
        self.queries.append(name)
        return await super().fetch(name, **parameters)

    @override
    async def change(self, name: str, /, **parameters: object) -> int:
        self.queries.append(name)
        return await super().change(name, **parameters)


@pytest.mark.parametrize(
    ("logins", "expected"),
    [
        ([], ["save_advances"]),
        ([LOGINS[0]], ["save_advances", "clear_numbers"]),
        (
            [LOGINS[1]],
            ["save_advances", "clear_numbers", "close_manual_logouts", "open_manual_logouts"],
        ),
    ],
    ids=["no login", "a digital handset", "an analogue device"],
)
async def test_a_deactivation_without_a_manual_logout_runs_no_query_for_it(
    database: Database, logins: Sequence[str], expected: Sequence[str]
) -> None:
    await store(database, *SITE, *logins)
    async with database.transaction() as session:
        await begin(session)
        counting = Counting(session.driver)
        counting.queries = []
        snapshot = await load_for_advance(counting, [PHONE_NUMBER], (), LATER)
        advanced = advance_all(snapshot, [PHONE_NUMBER], LATER, POLICY)
        counting.queries.clear()

        await save_advances(counting, WriteContext(0, LATER), advanced)

    assert counting.queries == expected
