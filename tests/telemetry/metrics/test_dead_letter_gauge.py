"""The gauge of the dead-letter queue: what workers counted, and what the broker put there."""

from prometheus_client.metrics_core import Metric

from worker.telemetry.metrics.dead_letter_gauge import letters_of


def by_code(family: Metric) -> dict[str, float]:
    """The values that are not zero."""
    return {sample.labels["code"]: sample.value for sample in family.samples if sample.value}


def test_what_no_worker_has_counted_was_put_there_by_the_broker() -> None:
    assert by_code(letters_of({"NOT_JSON": 2, "KILLS_THE_WORKER": 1}, 5)) == {
        "NOT_JSON": 2,
        "KILLS_THE_WORKER": 1,
        "broker": 2,
    }


def test_a_reason_that_came_with_the_message_is_counted_as_other() -> None:
    assert by_code(letters_of({"INVENTED": 2, "other": 1}, 3)) == {"other": 3}


def test_fewer_messages_than_counted_ones_are_no_negative_number() -> None:
    assert by_code(letters_of({"NOT_JSON": 2}, 1)) == {"NOT_JSON": 2}


def test_every_reason_has_a_series_also_for_an_empty_queue() -> None:
    codes = {sample.labels["code"] for sample in letters_of({}, 0).samples}

    assert {"CANNOT_BE_STORED", "KILLS_THE_WORKER", "NOT_JSON", "broker"} <= codes
