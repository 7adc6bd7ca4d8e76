"""The acts of operators, and those that the release before still stores elsewhere."""

from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import Connection

from tests.support.data.inserts import Expression, pbx_step
from tests.support.servers.postgresql import Administered
from tests.support.workers import rows, store
from worker.local import PrivateServers
from worker.storage.connecting.engine import Database, open_database
from worker.storage.deployment.migrate import configuration, migrate
from worker.storage.deployment.preflight import REVISION

NUMBER = "+442079460001"
ACTS = """SELECT acts.act, decided_by, reason, subject, item, act_items.detail
    FROM acts LEFT JOIN act_items ON act_items.act = acts.place ORDER BY acts.place"""


def resolution(minute: int, decision: str) -> str:
    """As the release before stores a decision."""
    return f"""INSERT INTO resolutions (
        phone_number, decided_at, command_source, command_id, resolution, decided_by, reason
    ) VALUES (
        '{NUMBER}', '2026-11-01 12:0{minute}Z', '/web', 'one', '{decision}', 'Ada', 'a test'
    )"""


def act(decision: str) -> tuple[object, ...]:
    return ("resolve", "Ada", "a test", NUMBER, "one", decision)


async def test_decisions_from_before_the_migration_are_acts_in_their_order(
    servers: PrivateServers,
) -> None:
    name = f"former_{uuid4().hex}"
    url = await servers.postgresql.create_database(name)
    async with open_database(url) as database:

        def upgrade_to_the_release_before(connection: Connection) -> None:
            settings = configuration()
            settings.attributes["connection"] = connection
            command.upgrade(settings, "0001")

        async with database.migration() as connection:
            await connection.run_sync(upgrade_to_the_release_before)
        await store(database, resolution(2, "done"), resolution(1, "retry"))

        assert await migrate(database) == ("0001", REVISION)
        assert await rows(database, ACTS) == [act("retry"), act("done")]
    await servers.postgresql.drop_database(name)


async def test_a_decision_that_the_release_before_stores_is_an_act(database: Database) -> None:
    await store(database, resolution(1, "retry"))

    assert await rows(database, ACTS) == [act("retry")]


@pytest.mark.parametrize("column", ["paused_at", "paused_by", "reason"])
async def test_a_pause_has_an_author_and_a_reason(database: Database, column: str) -> None:
    value = "now()" if column == "paused_at" else "'Ada'"
    with pytest.raises(Exception, match="paused_by_someone_for_a_reason"):
        await store(database, f"UPDATE intake SET {column} = {value}")


async def test_a_role_without_rights_on_the_new_tables_works_as_before(
    administered: Administered,
) -> None:
    async with (
        administered.database() as name,
        administered.role() as role,
        open_database(administered.url(name)) as database,
    ):
        await migrate(database)
        await store(database, f"GRANT SELECT, INSERT, UPDATE ON resolutions, pbx_steps TO {role}")
        async with open_database(administered.url(name, f"{role}:first")) as former:
            await store(
                former,
                resolution(1, "retry"),
                pbx_step(NUMBER),
                "UPDATE pbx_steps SET answers = '[\"one\"]', last_result = 'done'",
                "UPDATE pbx_steps SET attempt = 2",
            )

        assert await rows(database, ACTS) == [act("retry")]
        events = "SELECT event, detail FROM step_events ORDER BY place"
        assert await rows(database, events) == [
            ("result", "done"),
            ("asked-again", "attempt 2"),
        ]
        await store(database, f"DROP OWNED BY {role}")


async def test_the_events_of_a_step_end_with_it(database: Database) -> None:
    await store(
        database,
        pbx_step(NUMBER),
        "UPDATE pbx_steps SET attempt = 2",
        "DELETE FROM pbx_steps",
    )

    assert await rows(database, "SELECT FROM step_events") == []


async def test_a_change_of_a_step_without_news_for_people_calls_no_function(
    database: Database,
) -> None:
    await store(
        database,
        "CREATE OR REPLACE FUNCTION record_step_event() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE 'called'; END $$",
        pbx_step(NUMBER),
        "UPDATE pbx_steps SET sent_at = now(), silent_at = now()",
        "UPDATE pbx_steps SET silent_at = NULL, again_at = now()",
        "UPDATE pbx_steps SET state = 'done', attempt = 2, again_at = NULL",
    )
    with pytest.raises(Exception, match="called"):
        await store(database, "UPDATE pbx_steps SET state = 'open', attempt = 3")


async def test_a_step_whose_time_has_come_is_asked_again(database: Database) -> None:
    await store(
        database,
        pbx_step(NUMBER, again_at=Expression("now()")),
        "UPDATE pbx_steps SET again_at = NULL",
    )

    assert await rows(database, "SELECT event FROM step_events") == [("asked-again",)]
