"""The metrics: counters, gauges of the database, and their description."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from math import prod

import pytest
from activation_contracts.catalogue import COMMAND_QUEUE, RESULT_QUEUE
from activation_contracts.messages import Activate, CommandData
from activation_contracts.refusals import RefusalCode
from activation_contracts.values import NumberStatus, Operation, Step
from prometheus_client.parser import text_string_to_metric_families

from tests.support.data.builders import (
    RESERVED,
    activate,
    complete_number,
    decide_command,
    pending_number,
)
from tests.support.monitoring.scraping import scraped
from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.operations.operation import OngoingOperation, PbxStep
from worker.core.situation import Number
from worker.storage.connecting.engine import open_database
from worker.storage.gauges import measure
from worker.telemetry.metrics import Metrics, describe
from worker.telemetry.metrics.database_gauges import DatabaseFigures, OperationsUnderWay
from worker.telemetry.metrics.families import SITES_MAXIMUM
from worker.telemetry.metrics.outcome_delays import COMMANDS_MAXIMUM, OutcomeDelays, Story

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NUMBER = "+442079460001"
FIGURES = DatabaseFigures(
    7, 2, 1, 31.5, 6, 4, 5, 1, 0, 0, {"activate": OperationsUnderWay(3, 1, 60.0)}
)


@dataclass(frozen=True)
class Holding:
    """A consumer that holds messages."""

    held: int
    stall_seconds: float


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


async def test_metrics_count_decisions_by_operation_outcome_and_refusal() -> None:
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


async def test_decision_delay_starts_at_the_time_of_the_command() -> None:
    metrics = Metrics()

    metrics.command_decided(_command(), Decision(Outcome.PENDING), NOW)
    metrics.command_decided(_command(), Decision(Outcome.DUPLICATE), NOW + timedelta(days=1))

    seen = await _samples(metrics)
    assert seen["decision_delay_seconds_sum activate"] == 2
    assert seen["decision_delay_seconds_count activate"] == 1


@pytest.mark.parametrize(
    "time",
    [
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-14))),
        datetime(1970, 1, 1, tzinfo=UTC),
        NOW + timedelta(hours=2),
    ],
)
async def test_decision_delay_leaves_out_the_time_of_a_wrong_clock(time: datetime) -> None:
    metrics = Metrics()
    command = _command().model_copy(update={"time": time})
    metrics.command_decided(command, Decision(Outcome.PENDING), NOW)

    assert (await _samples(metrics))["decision_delay_seconds_count activate"] == 0


async def test_decision_delay_is_never_negative() -> None:
    metrics = Metrics()

    metrics.command_decided(_command(), Decision(Outcome.PENDING), NOW - timedelta(hours=1))

    assert (await _samples(metrics))["decision_delay_seconds_sum activate"] == 0


async def test_operation_duration_is_measured_from_pending_to_the_end() -> None:
    metrics = Metrics()

    item = Advanced(_pending_number(), Decision(Outcome.COMPLETED))
    metrics.operation_advanced(item, NOW + timedelta(seconds=3))

    seen = await _samples(metrics)
    assert seen["operation_duration_seconds_sum activate completed"] == 3


async def test_metrics_count_messages_and_reconnects_and_show_zeros_first() -> None:
    metrics = Metrics()
    logout, event = "telephony.handset.logout.v1", "telephony.phone_number.status_changed.v1"

    metrics.message_published(event, "m-1")
    metrics.publish_failed(logout)
    metrics.event_unrouted(event, "m-2")
    metrics.message_unreadable("NOT_JSON")
    metrics.reconnected()

    seen = await _samples(metrics)
    assert seen[f"published_messages_total {event}"] == 1
    assert seen[f"published_messages_total {logout}"] == 0
    assert seen[f"publish_failures_total {logout}"] == 1
    assert seen[f"unrouted_events_total {event}"] == 1
    assert seen["dead_lettered_messages_total NOT_JSON"] == 1
    assert seen["broker_reconnects_total"] == 1


async def test_metrics_show_the_longest_stall_of_the_consumers_of_a_queue() -> None:
    metrics = Metrics()
    metrics.holds(COMMAND_QUEUE, Holding(held=2, stall_seconds=0.5))
    end = metrics.holds(COMMAND_QUEUE, Holding(held=1, stall_seconds=300))

    with_both = await _samples(metrics)
    end()
    with_one = await _samples(metrics)

    assert with_both[f"held_messages {COMMAND_QUEUE}"] == 3
    assert with_both[f"consumer_stall_seconds {COMMAND_QUEUE}"] == 300
    assert with_both[f"consumer_stall_seconds {RESULT_QUEUE}"] == 0
    assert with_one[f"consumer_stall_seconds {COMMAND_QUEUE}"] == 0.5


async def test_metrics_show_the_size_duration_and_time_of_a_commit() -> None:
    metrics = Metrics()

    metrics.batch_committed(messages=40, seconds=0.02)
    metrics.partitions_owned(2)

    seen = await _samples(metrics)
    assert seen["batch_messages_sum"] == 40
    assert seen["commit_duration_seconds_sum"] == 0.02
    assert seen["last_commit_timestamp_seconds"] > 0
    assert seen["leader"] == 1
    assert seen["partitions_owned"] == 2


async def test_gauges_read_the_database_once_for_several_scrapes() -> None:
    reads: list[int] = []

    async def read_figures() -> DatabaseFigures:
        reads.append(1)
        return FIGURES

    metrics = Metrics(read_figures)
    await metrics.render()
    seen = await _samples(metrics)

    assert len(reads) == 1
    assert seen["database_up"] == 1
    assert seen["outbox_messages"] == 7
    assert seen["pending_operations activate"] == 3
    assert seen["overdue_operations activate"] == 1
    assert seen["oldest_operation_age_seconds deactivate"] == 0


async def test_gauges_of_the_database_are_absent_while_it_is_unreachable() -> None:
    async with open_database("postgresql://worker@127.0.0.1:1/nowhere") as database:
        metrics = Metrics(lambda: measure(database))

        seen = await _samples(metrics)

    assert seen["database_up"] == 0
    assert "outbox_messages" not in seen
    assert "commands_total activate accepted" in seen


async def test_delay_of_the_first_outcome_ends_with_the_confirm_of_its_message() -> None:
    metrics = Metrics()
    command, decision = _just_published()

    metrics.command_decided(command, decision, NOW)
    before = await _samples(metrics)
    for _ in range(2):
        metrics.message_published(decision.messages[0].type, decision.messages[0].id)

    seen = await _samples(metrics)
    assert before["command_outcome_delay_seconds_count interactive activate first"] == 0
    assert seen["command_outcome_delay_seconds_count interactive activate first"] == 1
    assert seen["command_outcome_delay_seconds_count interactive activate end"] == 0
    assert 2 <= seen["command_outcome_delay_seconds_sum interactive activate first"] < 600


async def test_delay_of_the_end_starts_at_the_time_of_the_command() -> None:
    metrics = Metrics()
    command, decision = _just_published()
    metrics.command_decided(command, decision, NOW)
    number = pending_number(RESERVED, command)
    end = complete_number(number)

    metrics.operation_advanced(Advanced(number, end), NOW)
    metrics.message_published(end.messages[0].type, end.messages[0].id)

    seen = await _samples(metrics)
    assert seen["command_outcome_delay_seconds_count interactive activate end"] == 1
    assert 2 <= seen["command_outcome_delay_seconds_sum interactive activate end"] < 600


async def test_delays_of_outcomes_are_kept_for_a_bounded_number_of_commands() -> None:
    observed: list[str] = []
    delays = OutcomeDelays(lambda _story, outcome, _seconds: observed.append(outcome))
    command, _ = _just_published()
    for place in range(COMMANDS_MAXIMUM + 1):
        delays.decided(command, Story("activate", "bulk"), f"answer-{place}", ends=True)

    for place in (0, 1, COMMANDS_MAXIMUM):
        delays.published(f"answer-{place}")

    assert observed == ["first", "first"]


async def test_steps_beyond_the_first_sites_are_counted_as_other() -> None:
    metrics = Metrics()

    for place in range(SITES_MAXIMUM + 5):
        metrics.step_ended(Step.HANDSET_LOGOUT, f"site-{place:02}", 1.5)
    metrics.step_ended(Step.HANDSET_LOGOUT, "site-00", 1.5)

    seen = await _samples(metrics)
    assert seen["pbx_step_duration_seconds_count site-00 handset_logout"] == 2
    assert seen["pbx_step_duration_seconds_count other handset_logout"] == 5
    assert f"pbx_step_duration_seconds_count site-{SITES_MAXIMUM} handset_logout" not in seen


async def test_retries_of_a_step_are_counted_by_step_and_site() -> None:
    metrics = Metrics()
    number = _pending_number()
    step = PbxStep("step-1", Step.EXTENSION_RESET)

    decision = Decision(Outcome.RETRIED, retried=(step, step))
    metrics.operation_advanced(Advanced(number, decision), NOW)

    seen = await _samples(metrics)
    assert seen["pbx_step_retries_total london extension_reset"] == 2
    assert seen["pbx_step_retries_total other handset_logout"] == 0


@pytest.mark.parametrize("code", ["CANNOT_BE_STORED", "KILLS_THE_WORKER", "NOT_ROUTED", "NOT_JSON"])
async def test_series_of_each_reason_of_a_dead_letter_exists_from_the_start(code: str) -> None:
    assert (await _samples(Metrics()))[f"dead_lettered_messages_total {code}"] == 0


async def test_number_of_series_does_not_grow_with_what_messages_say() -> None:
    metrics = Metrics(_no_figures)
    for place in range(2 * SITES_MAXIMUM):
        for step in Step:
            metrics.step_ended(step, f"site-{place}", 1)
            decision = Decision(Outcome.RETRIED, retried=(PbxStep(f"s-{place}", step),))
            number = _pending_number()._replace(site_id=f"site-{place}")
            metrics.operation_advanced(Advanced(number, decision), NOW)
        metrics.message_unreadable(f"CODE_OF_A_PUBLISHER_{place}")

    for name, metric in scraped((await metrics.render()).decode()).items():
        domains = metrics.domains.get(name, {}).values()
        assert len(metric.labels) <= prod(domain.maximum for domain in domains), name


def test_every_metric_is_described_once_and_no_label_holds_tenant_data() -> None:
    described = describe()

    assert len({row.name for row in described}) == len(described)
    assert all(row.meaning.endswith(".") for row in described)
    assert {label for row in described for label in row.labels} == {
        *("operation", "outcome", "code", "type", "result", "effect", "partition"),
        *("what", "state", "kind", "step", "site", "queue", "lane"),
    }


async def _no_figures() -> DatabaseFigures:
    return FIGURES


def _just_published() -> tuple[Activate, Decision]:
    """A command that was published two seconds ago, and its decision."""
    command = activate().model_copy(update={"time": datetime.now(UTC) - timedelta(seconds=2)})
    return command, decide_command(RESERVED, command)


async def test_bounds_tell_delays_of_minutes_apart() -> None:
    text = (await Metrics().render()).decode()
    (delays,) = (
        family
        for family in text_string_to_metric_families(text)
        if family.name == "activation_worker_command_outcome_delay_seconds"
    )
    bounds = sorted(
        {float(sample.labels["le"]) for sample in delays.samples if "le" in sample.labels}
    )
    of_minutes = [bound for bound in bounds if 60 <= bound <= 3600]

    assert len(of_minutes) > 1
    assert all(upper <= 2 * lower for lower, upper in pairwise(of_minutes))


async def test_no_series_says_when_another_was_created() -> None:
    assert "_created" not in (await Metrics().render()).decode()
