"""The metrics: what is counted, what is measured, and what happens when it cannot be."""

from datetime import UTC, datetime, timedelta

from prometheus_client.parser import text_string_to_metric_families

from contracts.messages import Activate, CommandData
from contracts.refusals import RefusalCode
from contracts.values import NumberStatus, Operation
from tests.support.workers import store
from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.operation import OngoingOperation
from worker.core.situation import Number
from worker.storage.engine import Database, open_database
from worker.storage.gauges import DatabaseFigures, OperationsUnderWay, measure
from worker.telemetry.metrics import Metrics, describe

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = "+442079460001"
MEASURED = DatabaseFigures(
    7, 2, 1, 31.5, 4, 5, 1, 0, 0, {"activate": OperationsUnderWay(3, 1, 60.0)}
)


def _command(identifier: str = "c-1") -> Activate:
    return Activate(
        id=identifier,
        source="/tests/web-tier",
        subject=NUMBER,
        time=NOW - timedelta(seconds=2),
        data=CommandData(phone_number=NUMBER, account_id="acme", site_id="london"),
    )


def _pending_number() -> Number:
    operation = OngoingOperation(
        operation=Operation.ACTIVATE,
        command_source="/tests/web-tier",
        command_id="c-1",
        command_fingerprint="f-1",
        correlation_id="c-1",
        requested_by=None,
        traceparent=None,
        tracestate=None,
        since=NOW,
        at_risk_at=NOW + timedelta(seconds=30),
        deadline=NOW + timedelta(minutes=1),
    )
    return Number(NUMBER, "london", "acme", "101", NumberStatus.PENDING, ongoing=operation)


async def _samples(metrics: Metrics) -> dict[str, float]:
    """Each sample's value, under its name and its labels' values, labels sorted by name."""
    text = (await metrics.render()).decode()
    return {
        " ".join([sample.name.removeprefix("activation_worker_"), *sample.labels.values()]): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_decisions_are_counted_by_operation_outcome_and_refusal() -> None:
    metrics = Metrics()

    metrics.command_decided(_command("c-1"), Decision(Outcome.PENDING), NOW)
    metrics.command_decided(_command("c-1"), Decision(Outcome.DUPLICATE), NOW)
    refused = Decision(Outcome.REJECTED, refusal=RefusalCode.NUMBER_ASSIGNED)
    metrics.command_decided(_command("c-2"), refused, NOW)

    seen = await _samples(metrics)
    assert seen["commands_total activate accepted"] == 1
    assert seen["commands_total activate duplicate"] == 1
    assert seen["commands_total activate rejected"] == 1
    assert seen["commands_total deactivate rejected"] == 0
    assert seen["command_refusals_total NUMBER_ASSIGNED activate"] == 1


async def test_the_way_to_a_decision_counts_from_the_time_in_the_command() -> None:
    metrics = Metrics()

    metrics.command_decided(_command(), Decision(Outcome.PENDING), NOW)
    metrics.command_decided(_command(), Decision(Outcome.DUPLICATE), NOW + timedelta(days=1))

    seen = await _samples(metrics)
    assert seen["decision_delay_seconds_sum activate"] == 2
    assert seen["decision_delay_seconds_count activate"] == 1


async def test_a_clock_that_runs_ahead_of_ours_makes_no_negative_time() -> None:
    metrics = Metrics()

    metrics.command_decided(_command(), Decision(Outcome.PENDING), NOW - timedelta(hours=1))

    assert (await _samples(metrics))["decision_delay_seconds_sum activate"] == 0


async def test_an_operation_lasts_from_pending_to_its_end() -> None:
    metrics = Metrics()

    concluded = Advanced(_pending_number(), Decision(Outcome.COMPLETED))
    metrics.operation_concluded(concluded, NOW + timedelta(seconds=3))

    seen = await _samples(metrics)
    assert seen["operation_duration_seconds_sum activate completed"] == 3


async def test_messages_and_reconnects_are_counted_and_show_zeros_before_the_first() -> None:
    metrics = Metrics()
    logout, event = "telephony.handset.logout.v1", "telephony.phone_number.status_changed.v1"

    metrics.message_published(event)
    metrics.message_returned(logout)
    metrics.event_without_subscriber(event)
    metrics.message_unreadable("NOT_JSON")
    metrics.reconnected()

    seen = await _samples(metrics)
    assert seen[f"published_messages_total {event}"] == 1
    assert seen[f"published_messages_total {logout}"] == 0
    assert seen[f"returned_messages_total {logout}"] == 1
    assert seen[f"events_without_subscriber_total {event}"] == 1
    assert seen["unreadable_messages_total NOT_JSON"] == 1
    assert seen["broker_reconnects_total"] == 1


async def test_a_commit_tells_its_size_its_time_and_when_it_was() -> None:
    metrics = Metrics()

    metrics.batch_committed(messages=40, seconds=0.02)
    metrics.serves(2)

    seen = await _samples(metrics)
    assert seen["batch_messages_sum"] == 40
    assert seen["commit_duration_seconds_sum"] == 0.02
    assert seen["last_commit_timestamp_seconds"] > 0
    assert seen["leader"] == 1
    assert seen["partitions_owned"] == 2


async def test_the_database_is_measured_once_for_many_looks() -> None:
    looks: list[int] = []

    async def look() -> DatabaseFigures:
        looks.append(1)
        return MEASURED

    metrics = Metrics(look)
    await metrics.render()
    seen = await _samples(metrics)

    assert len(looks) == 1
    assert seen["measured"] == 1
    assert seen["outbox_messages"] == 7
    assert seen["pending_operations activate"] == 3
    assert seen["overdue_operations activate"] == 1
    assert seen["oldest_operation_age_seconds deactivate"] == 0


async def test_measured_gauges_are_absent_while_the_database_is_away() -> None:
    async with open_database("postgresql://worker@127.0.0.1:1/nowhere") as database:
        metrics = Metrics(lambda: measure(database))

        seen = await _samples(metrics)

    assert seen["measured"] == 0
    assert "outbox_messages" not in seen
    assert "commands_total activate accepted" in seen


async def test_the_gauges_show_what_stands_in_the_database(database: Database) -> None:
    await store(
        database,
        "INSERT INTO voice_services VALUES ('s-1', 'acme', 'occupier', 'london', 1)",
        "INSERT INTO voice_services VALUES ('s-2', 'zeta', 'occupier', 'london', 3)",
        "INSERT INTO voice_services VALUES"
        " ('s-3', 'zeta', 'occupier', 'london', 9, NULL, '2020-01-01')",
        f"INSERT INTO phone_numbers (phone_number, site_id, account_id, status) VALUES"
        f" ('{NUMBER}', 'london', 'acme', 'PENDING'), ('{NUMBER}2', 'london', 'acme', 'ACTIVE'),"
        f" ('{NUMBER}3', 'london', 'zeta', 'ACTIVE')",
        "INSERT INTO operations (phone_number, operation, command_source, command_id, fingerprint,"
        f" correlation_id, since, at_risk_at, deadline) VALUES ('{NUMBER}', 'activate', 's', 'c',"
        " 'f', 'c', now() - interval '1 hour', now(), now() - interval '1 minute')",
    )

    seen = await measure(database)

    assert seen is not None
    assert (seen.bought_services, seen.used_services, seen.free_services) == (4, 3, 2)
    assert (seen.oversubscribed_accounts, seen.exhausted_accounts) == (1, 0)
    assert seen.outbox_messages == 0
    assert seen.operations["activate"].overdue_numbers == 1
    assert seen.operations["activate"].oldest_seconds >= 3600


def test_every_metric_is_described_and_none_names_a_number_an_account_or_a_site() -> None:
    described = describe()

    assert len({row.name for row in described}) == len(described)
    assert all(row.meaning.endswith(".") for row in described)
    labels = {label for row in described for label in row.labels}
    assert labels == {"operation", "outcome", "code", "type", "result", "effect"}
