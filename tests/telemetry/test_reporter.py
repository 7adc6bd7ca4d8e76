"""The reporter: what it logs and counts, and in which order."""

import io
import json
from datetime import UTC, datetime
from typing import NamedTuple

import pytest
from activation_contracts.values import FailureCode

from tests.support.data.builders import (
    AWAITING_ALL,
    NOW,
    RESERVED,
    RINGING_MAIN_NUMBER,
    activate,
    advance_number,
    deactivate,
    decide_command,
    pending_number,
    with_steps_done,
)
from worker.core.batch import Advanced
from worker.core.decision import Decision, Outcome
from worker.core.lanes import Lane
from worker.core.operations.operation import Failure
from worker.core.situation import Number
from worker.telemetry.logs import configure
from worker.telemetry.metrics import Metrics
from worker.telemetry.reporter import Reporter

FAILURE = Failure(FailureCode.DEADLINE_PASSED, None, "It is overdue.", None)


class Message(NamedTuple):
    """A message of the outbox, as the reporter sees it."""

    position: int = 7
    subject: str = RESERVED.phone_number
    message_id: str = "message-1"
    message_type: str = "telephony.extension.reset.v1"
    attempts: int = 2


@pytest.fixture
def log() -> io.StringIO:
    """The log as JSON Lines."""
    stream = io.StringIO()
    configure(stream, format="json", level="info")
    return stream


def last_record(log: io.StringIO) -> dict[str, object]:
    record: dict[str, object] = json.loads(log.getvalue().splitlines()[-1])
    return record


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"activation_worker_{name}", labels)


def test_reporter_counts_and_logs_an_undelivered_message(log: io.StringIO) -> None:
    metrics = Metrics()
    message = Message()
    Reporter(metrics).undelivered(message, "the queue is full")

    record = last_record(log)
    assert (record["action"], record["level"]) == ("message_undelivered", "error")
    assert (record["message_id"], record["attempts"]) == (message.message_id, 3)
    assert value(metrics, "publish_failures_total", type=message.message_type) == 1


def test_reporter_counts_each_refused_reply_and_logs_one_in_a_minute(log: io.StringIO) -> None:
    metrics = Metrics()
    reporter = Reporter(metrics)
    for _ in range(3):
        reporter.reply_refused("pbx.extension-reset")
        reporter.prioritised("telephony.phone_number.commands", "message-1")

    actions = [json.loads(line)["action"] for line in log.getvalue().splitlines()]
    assert actions == ["reply_refused", "message_prioritised"]
    assert value(metrics, "replies_refused_total") == 3
    assert value(metrics, "prioritised_messages_total") == 3


def test_reporter_logs_the_position_of_a_parked_message(log: io.StringIO) -> None:
    Reporter(Metrics()).unencodable(Message(), "the routing key is too long")

    record = last_record(log)
    assert (record["action"], record["position"]) == ("message_parked", 7)


def test_reporter_counts_each_consumer_that_pauses(log: io.StringIO) -> None:
    metrics = Metrics()
    reporter = Reporter(metrics)
    reporter.consuming_paused(datetime(2026, 3, 1, tzinfo=UTC))
    reporter.consuming_paused(None)
    reporter.consuming_resumed()

    assert value(metrics, "paused_consumers") == 1
    assert last_record(log)["action"] == "consuming_resumed"


def test_reporter_logs_an_operation_that_needs_an_operator_as_an_error(log: io.StringIO) -> None:
    pending = pending_number(RESERVED, activate())
    decision = Decision(Outcome.NOTIFIED, pending, failure=FAILURE)
    Reporter(Metrics()).advanced([Advanced(pending, decision)], datetime.now(UTC))

    record = last_record(log)
    assert (record["action"], record["level"]) == ("operation_needs_operator", "error")


@pytest.mark.parametrize(
    ("outcome", "failure", "action", "level"),
    [
        (Outcome.NOTIFIED, None, "aftermath_outstanding", "warning"),
        (Outcome.NOTIFIED, FAILURE, "aftermath_needs_operator", "error"),
        (Outcome.RETRIED, None, "aftermath_retried", "info"),
        (Outcome.CLEANED_UP, None, "aftermath_ended", "info"),
    ],
)
def test_reporter_tells_an_aftermath_from_an_operation_under_way(
    log: io.StringIO, outcome: Outcome, failure: Failure | None, action: str, level: str
) -> None:
    number = with_aftermath()
    metrics = Metrics()
    Reporter(metrics).advanced(
        [Advanced(number, Decision(outcome, number, failure=failure))], datetime.now(UTC)
    )

    record = last_record(log)
    assert (record["action"], record["level"], record["status"]) == (action, level, "ACTIVE")
    assert value(metrics, "operation_delays_total", operation="activate") == 0
    assert (
        value(metrics, "operation_failures_total", operation="activate", code="DEADLINE_PASSED")
        == 0
    )


def test_reporter_logs_and_counts_an_aftermath_that_a_command_supersedes(
    log: io.StringIO,
) -> None:
    command = deactivate()
    metrics = Metrics()
    decisions = [decide_command(with_aftermath(), command)]
    Reporter(metrics).decided([command], decisions, NOW, [Lane.INTERACTIVE])

    record = last_record(log)
    assert (record["action"], record["command_id"]) == ("aftermath_ended", "command-1")
    labels = {"what": "hunt_group_join", "state": "superseded"}
    assert value(metrics, "aftermath_events_total", **labels) == 1


def with_aftermath() -> Number:
    """A number that is ACTIVE, with an outstanding join."""
    activating = pending_number(RESERVED, activate(), AWAITING_ALL)
    active = advance_number(with_steps_done(activating), RINGING_MAIN_NUMBER).number
    assert active is not None
    return active


def test_reporter_names_the_trace_of_a_command_in_its_records(log: io.StringIO) -> None:
    trace_id = "4bf92f3577b34da6a3ce929d0e0e4736"
    command = activate().model_copy(update={"traceparent": f"00-{trace_id}-00f067aa0ba902b7-01"})
    reporter = Reporter(Metrics())

    reporter.decided([command], [decide_command(RESERVED, command)], NOW, [Lane.INTERACTIVE])
    decided = last_record(log)
    pending = pending_number(RESERVED, command)
    reporter.advanced([Advanced(pending, advance_number(with_steps_done(pending)))], NOW)

    assert [decided["trace_id"], last_record(log)["trace_id"]] == [trace_id, trace_id]
