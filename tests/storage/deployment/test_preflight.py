"""The checks before a start: the version of the schema, and a server that takes changes."""

import pytest

from tests.support.workers import store
from worker.app.probes import probes_of
from worker.cluster.intake import Intake
from worker.operator.preparing.servers import migrate_database
from worker.settings import Settings
from worker.storage.connecting.engine import Database, open_database
from worker.storage.connecting.errors import ReadOnlyServer
from worker.storage.deployment.preflight import REVISION, NotReady, require_fit
from worker.storage.deployment.rights import TABLES
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

OTHER_APPLICATION = (
    "CREATE TABLE alembic_version (version_num text)",
    "INSERT INTO alembic_version VALUES ('9999')",
)


NEWER = "UPDATE activation_worker_version SET version_num = '0009'"


class Connected:
    connected = False
    leads = False
    dead_letter_problem: str | None = None
    intake = Intake(Reporter(Metrics()))


async def test_the_version_of_another_application_does_not_count(
    database: Database, settings: Settings
) -> None:
    await store(database, *OTHER_APPLICATION)
    await database.transact(require_fit)
    assert await migrate_database(settings) == (REVISION, REVISION)


async def test_a_newer_schema_is_named_by_check_and_migrate(
    database: Database, settings: Settings
) -> None:
    await store(database, NEWER, "UPDATE schema_compatibility SET oldest_revision = '0009'")
    with pytest.raises(NotReady, match=r"revision 0009.*run the release that has migrated"):
        await database.transact(require_fit)
    with pytest.raises(NotReady, match=r"revision 0009.*run the release that has migrated"):
        await migrate_database(settings)


async def test_a_worker_starts_on_a_newer_schema_that_only_adds_to_its_own(
    database: Database,
) -> None:
    await store(database, NEWER)
    await database.transact(require_fit)
    assert await probes_of(database, Connected())["schema"]() is None


async def test_a_read_only_server_is_not_fit_and_not_ready(database_url: str) -> None:
    name = database_url.rpartition("/")[2]
    async with open_database(database_url) as database:
        await store(database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    async with open_database(database_url) as database:
        with pytest.raises(ReadOnlyServer):
            await database.transact(require_fit)
        problem = await probes_of(database, Connected())["database"]()

    assert problem is not None
    assert problem.startswith("PostgreSQL cannot be used: the server is read-only")


async def test_rights_are_checked_on_all_tables(database: Database) -> None:
    async with database.session() as session:
        rows = await session.driver.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        )

    only_read = {"activation_worker_version", "schema_compatibility"}
    assert {row[0] for row in rows} - only_read == {*TABLES}
