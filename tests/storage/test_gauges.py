"""The gauges that are measured in the database."""

import pytest

from tests.support.data.inserts import (
    Expression,
    operation,
    outbox_message,
    phone_numbers,
    voice_service,
)
from tests.support.workers import store
from worker.storage.connecting.engine import Database
from worker.storage.gauges import measure
from worker.telemetry.metrics.database_gauges import Aftermaths

NUMBER = "+442079460001"
REFUSED_LONG_AGO: dict[str, object] = {
    "message_id": "refused",
    "queued_at": Expression("now() - interval '3 hours'"),
    "next_attempt_at": "infinity",
}


async def test_measure_reads_the_figures_from_the_database(database: Database) -> None:
    await store(
        database,
        voice_service(1, "acme"),
        voice_service(3, "zeta"),
        voice_service(9, "zeta", service_id="expired", ends_on="2020-01-01"),
        phone_numbers(NUMBER, status="PENDING"),
        phone_numbers(f"{NUMBER}2", status="ACTIVE"),
        phone_numbers(f"{NUMBER}3", account_id="zeta", status="ACTIVE"),
        operation(
            NUMBER,
            since=Expression("now() - interval '1 hour'"),
            deadline=Expression("now() - interval '1 minute'"),
        ),
        operation(
            f"{NUMBER}2",
            aftermath="hunt_group_join",
            deadline=Expression("now() - interval '1 minute'"),
        ),
    )

    seen = await measure(database)

    assert seen is not None
    assert (seen.bought_services, seen.used_services, seen.free_services) == (4, 3, 2)
    assert (seen.oversubscribed_accounts, seen.exhausted_accounts) == (1, 0)
    assert seen.outbox_messages == 0
    assert (seen.operations["activate"].numbers, seen.operations["activate"].overdue_numbers) == (
        1,
        1,
    )
    assert seen.aftermaths == {"hunt_group_join": Aftermaths(1, 0)}
    assert seen.operations["activate"].oldest_seconds >= 3600


async def test_operations_that_wait_for_an_operator_hide_no_overdue_ones(
    database: Database,
) -> None:
    past = Expression("now() - interval '1 minute'")
    refused, overdue, in_time = NUMBER, f"{NUMBER}2", f"{NUMBER}3"
    await store(
        database,
        phone_numbers(refused, overdue, in_time, status="PENDING"),
        operation(refused, operation="deactivate", failure_code="PBX_REFUSED"),
        operation(overdue, operation="deactivate", deadline=past),
        operation(in_time, operation="deactivate"),
    )

    seen = await measure(database)

    assert seen is not None
    found = seen.operations["deactivate"]
    assert (found.unresolved_numbers, found.unswept_numbers) == (1, 1)


async def test_an_operation_past_its_deadline_that_waits_for_an_operator_is_not_unswept(
    database: Database,
) -> None:
    past = Expression("now() - interval '1 minute'")
    await store(
        database,
        phone_numbers(NUMBER, status="PENDING"),
        operation(NUMBER, deadline=past, failure_code="PBX_REFUSED"),
    )

    seen = await measure(database)

    assert seen is not None
    found = seen.operations["activate"]
    assert (found.overdue_numbers, found.unswept_numbers) == (1, 0)


@pytest.mark.parametrize(
    ("subject", "columns", "hours"),
    [
        (f"{NUMBER}2", {}, 1),
        (NUMBER, {}, 0),
        (NUMBER, {"ordered": False}, 1),
    ],
    ids=["of another number", "behind the refused one", "of the same number, in no order"],
)
async def test_age_of_the_outbox_is_that_of_a_message_that_could_be_published(
    database: Database, subject: str, columns: dict[str, object], hours: int
) -> None:
    an_hour_ago = Expression("now() - interval '1 hour'")
    await store(
        database,
        outbox_message(NUMBER, **REFUSED_LONG_AGO),
        outbox_message(subject, queued_at=an_hour_ago, **columns),
    )

    seen = await measure(database)

    assert seen is not None
    assert seen.outbox_messages == 2
    assert seen.outbox_oldest_seconds // 3600 == hours
