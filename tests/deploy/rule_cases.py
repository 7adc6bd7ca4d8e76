"""The series of a worker, well and with a fault, and the alerts that fire for them.

In the notation of promtool: `0+5x200` begins at 0 and rises by 5, 200 times.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

__all__ = ["CASES", "INTERVAL", "Case"]

INTERVAL: Final = "15s"
PREFIX: Final = "activation_worker_"
IDENTITY: Final = {"job": "w", "instance": "a"}


class Case(NamedTuple):
    """The series of a worker, and which alerts fire at which time."""

    name: str
    series: Mapping[str, str]
    firing: Mapping[str, tuple[str, ...]]
    """By time."""


def delays(lane: str, le: str) -> str:
    """First outcomes of this lane that came within so many seconds."""
    labels = f'operation="activate", lane="{lane}", outcome="first", le="{le}"'
    return f"command_outcome_delay_seconds_bucket{{{labels}}}"


def failures(operation: str, code: str) -> str:
    """Operations that failed for this reason."""
    return f'operation_failures_total{{operation="{operation}", code="{code}"}}'


def _queue_of_partition(source: str, partition: int) -> str:
    """Messages ready in the queue of this partition, of two."""
    return f'queue_messages{{queue="{source}.partition-{partition}-of-2"}}'


HEALTHY: Final[Mapping[str, str]] = {
    "leader": "1x200",
    "partitions_owned": "1x200",
    "partitions": "1x200",
    "database_up": "1x200",
    "broker_up": "1x200",
    "broker_blocked": "0x200",
    'consumer_stall_seconds{queue="telephony.phone_number.commands"}': "0.1x200",
    delays("interactive", "0.1"): "0+99x200",
    delays("interactive", "10"): "0+100x200",
    delays("interactive", "+Inf"): "0+100x200",
    "outbox_oldest_message_age_seconds": "2x200",
    "outbox_delayed_messages": "0x200",
    "outbox_parked_messages": "0x200",
    'dead_letters{code="NOT_JSON"}': "0x200",
    'dead_lettered_messages_total{code="KILLS_THE_WORKER"}': "0x200",
    "dead_letter_queue_broken": "0x200",
    "intake_paused": "0x200",
    "stored_dead_letters": "0x200",
    'unswept_operations{operation="deactivate"}': "0x200",
    'unresolved_operations{operation="deactivate"}': "0x200",
    'unresolved_aftermaths{what="compensation"}': "0x200",
    failures("activate", "DEADLINE_PASSED"): "0x200",
    failures("activate", "PBX_REFUSED"): "0x200",
    failures("deactivate", "DEADLINE_PASSED"): "0x200",
    'pbx_oldest_open_step_age_seconds{step="handset_logout"}': "20x200",
    'queue_messages{queue="pbx.handset-logout"}': "40x200",
    "oversubscribed_accounts": "0x200",
    'directory_records_total{kind="phone_number", effect="conflict"}': "0x200",
    "start_timestamp_seconds": "1000x200",
    "broker_reconnects_total": "1x200",
    "database_reconnects_total": "3x200",
    "database_clock_offset_seconds": "0.2x200",
    "log_lines_lost_total": "0x200",
}
"""By metric and labels, without the prefix and what identifies the worker."""
ABSENT: Final = "-"
"""In place of values: there is no such series."""


def _case(name: str, changes: Mapping[str, str], **firing: str) -> Case:
    """The healthy worker with these changes; `after_3m="A B"`: both fire after three minutes."""
    series = {
        _full(key): values for key, values in {**HEALTHY, **changes}.items() if values != ABSENT
    }
    return Case(
        name,
        series,
        {
            time.removeprefix("after_"): tuple(
                f"ActivationWorker{alert}" for alert in alerts.split()
            )
            for time, alerts in firing.items()
        },
    )


def _full(key: str) -> str:
    name, _, labels = key.rstrip("}").partition("{")
    added = [f'{label}="{value}"' for label, value in IDENTITY.items() if f"{label}=" not in labels]
    return f"{PREFIX}{name}{{{', '.join(filter(None, [labels, *added]))}}}"


CASES: Final = (
    _case("all is well", {}, after_20m=""),
    _case(
        "a worker stands by beside the leader",
        {'partitions_owned{instance="b"}': "0x200", 'partitions{instance="b"}': "1x200"},
        after_10m="",
    ),
    _case(
        "no worker owns a partition",
        {"partitions_owned": "1x10 0x200"},
        after_3m="",
        after_5m="Unserved",
    ),
    _case(
        "no worker is scraped", dict.fromkeys(HEALTHY, ABSENT), after_30s="", after_3m="Unserved"
    ),
    _case(
        "all workers of one of two deployments end",
        {
            'partitions_owned{job="v", instance="c"}': "1x10 stale",
            'partitions{job="v", instance="c"}': "1x10 stale",
        },
        after_3m="",
        after_5m="Unserved",
        after_40m="Unserved",
    ),
    _case(
        "the only worker ends",
        {"partitions_owned": "1x10 stale", "partitions": "1x10 stale"},
        after_3m="",
        after_5m="Unserved",
    ),
    _case(
        "PostgreSQL does not answer, and the worker has no session",
        {"database_up": "0x200", "broker_up": "0x200"},
        after_30s="",
        after_2m="DatabaseDown",
    ),
    _case(
        "RabbitMQ is away for a moment",
        {"broker_up": "1x10 0x2 1x200"},
        after_3m15s="",
        after_10m="",
    ),
    _case("RabbitMQ is away", {"broker_up": "1x10 0x200"}, after_3m="", after_5m="BrokerDown"),
    _case(
        "RabbitMQ is away from all workers, which serve nothing",
        {
            "broker_up": "1x10 0x200",
            'broker_up{instance="b"}': "1x10 0x200",
            "partitions_owned": "1x10 0x200",
            'partitions_owned{instance="b"}': "0x200",
        },
        after_3m="",
        after_4m="BrokerDown",
        after_20m="BrokerDown",
    ),
    _case(
        "RabbitMQ is away from one worker, and the other serves nothing",
        {
            "broker_up": "1x10 0x200",
            'broker_up{instance="b"}': "1x200",
            "partitions_owned": "1x10 0x200",
            'partitions_owned{instance="b"}': "0x200",
        },
        after_3m="",
        after_6m="BrokerDown Unserved",
    ),
    _case(
        "RabbitMQ is away from one deployment, and another serves nothing",
        {
            "broker_up": "1x10 0x200",
            'broker_up{job="v", instance="c"}': "1x200",
            "partitions_owned": "1x10 0x200",
            'partitions_owned{job="v", instance="c"}': "1x10 0x200",
            'partitions{job="v", instance="c"}': "1x200",
        },
        after_3m="",
        after_6m="BrokerDown Unserved",
    ),
    _case(
        "RabbitMQ comes back, and no worker serves",
        {"broker_up": "1x10 0x40 1x200", "partitions_owned": "1x10 0x200"},
        after_10m="BrokerDown",
        after_16m="Unserved",
    ),
    _case(
        "workers connect for moments, and serve nothing",
        {"broker_up": "1x10 " + "0x1 1x0 " * 60, "partitions_owned": "1x10 0x200"},
        after_3m="",
        after_10m="Unserved",
    ),
    _case(
        "the workers end while RabbitMQ is away",
        {
            "broker_up": "1x10 0x40 stale",
            "partitions_owned": "1x10 0x40 stale",
            "partitions": "1x10 0x40 stale",
        },
        after_10m="BrokerDown",
        after_16m="Unserved",
    ),
    _case(
        "RabbitMQ blocks publishers",
        {"broker_blocked": "1x200"},
        after_30s="",
        after_2m="BrokerBlocked",
    ),
    _case(
        "a worker holds messages and handles none",
        {'consumer_stall_seconds{queue="telephony.phone_number.commands"}': "0x40 0+15x200"},
        after_11m="",
        after_20m="Stuck",
    ),
    _case(
        "one queue of one worker stands still, and all else goes on",
        {'consumer_stall_seconds{queue="telephony.pbx.results", instance="b"}': "0+15x200"},
        after_2m="",
        after_5m="Stuck",
    ),
    _case(
        "a worker handles a message a minute",
        {'consumer_stall_seconds{queue="telephony.directory"}': "0+15x4 0+15x4 0x190"},
        after_2m="",
        after_10m="",
    ),
    _case(
        "reports take long and nothing else is there",
        {
            'consumer_stall_seconds{queue="telephony.phone_number.commands"}': "0x200",
            'consumer_stall_seconds{queue="telephony.phone_number.reports"}': "0+15x200",
        },
        after_20m="",
    ),
    _case(
        "one click in ten is slow",
        {
            delays("interactive", "0.1"): "0+90x200",
            delays("interactive", "10"): "0+100x200",
            delays("interactive", "+Inf"): "0+100x200",
        },
        after_3m="",
        after_12m="ClicksSlow",
    ),
    _case(
        "bulk commands are slow",
        {
            delays("bulk", "600"): "0+0x200",
            delays("bulk", "+Inf"): "0+9x200",
        },
        after_20m="",
    ),
    _case(
        "the outbox grows old",
        {"outbox_oldest_message_age_seconds": "0+15x200"},
        after_3m="",
        after_8m="OutboxBehind",
    ),
    _case(
        "a message is refused, and the others are published",
        {"outbox_delayed_messages": "1x200"},
        after_4m="",
        after_20m="MessagesUndelivered",
    ),
    _case(
        "a message is parked, and no other is published",
        {"outbox_oldest_message_age_seconds": "0+15x200", "outbox_parked_messages": "1x200"},
        after_3m="",
        after_20m="MessagesUndelivered OutboxBehind",
    ),
    _case(
        "a message is parked",
        {"outbox_parked_messages": "1x200"},
        after_4m="",
        after_6m="MessagesUndelivered",
    ),
    _case(
        "a message is tried again and accepted",
        {"outbox_delayed_messages": "1x10 0x200"},
        after_6m="",
    ),
    _case(
        "dead letters are in the queue",
        {'dead_letters{code="NOT_JSON"}': "0x4 2x200"},
        after_5m="",
        after_7m="DeadLetters",
    ),
    _case(
        "a message kills workers",
        {'dead_lettered_messages_total{code="KILLS_THE_WORKER"}': "0x20 1x200"},
        after_4m="",
        after_7m="PoisonMessage",
        after_30m="",
    ),
    _case(
        "a publisher sends what cannot be read",
        {'dead_lettered_messages_total{code="NOT_JSON"}': "0+3x200"},
        after_10m="",
    ),
    _case(
        "the dead-letter queue is missing",
        {"dead_letter_queue_broken": "1x200"},
        after_1m="",
        after_3m="DeadLetterQueueBroken",
    ),
    _case(
        "the dead-letter queue is full",
        {"stored_dead_letters": "0+1x200"},
        after_1m="",
        after_4m="DeadLetterQueueBroken",
    ),
    _case(
        "an operation is past its deadline",
        {'unswept_operations{operation="deactivate"}': "1x200"},
        after_1m="",
        after_3m="PendingTooLong",
    ),
    _case(
        "an operation waits for an operator",
        {'unresolved_operations{operation="deactivate"}': "1x200"},
        after_30s="",
        after_10m="OperatorNeeded",
    ),
    _case(
        "an aftermath needs an operator",
        {'unresolved_aftermaths{what="compensation"}': "1x200"},
        after_30s="",
        after_2m="OperatorNeeded",
    ),
    _case(
        "a PBX does not answer",
        {'pbx_oldest_open_step_age_seconds{step="handset_logout"}': "0+15x200"},
        after_8m="",
        after_12m="PbxSilent",
    ),
    _case(
        "a PBX does not read",
        {'queue_messages{queue="pbx.handset-logout"}': "101x200"},
        after_4m="",
        after_6m="PbxSilent",
    ),
    _case(
        "an activation fails at its deadline",
        {failures("activate", "DEADLINE_PASSED"): "0x20 1x200"},
        after_4m="",
        after_7m="ActivationsFail",
        after_30m="ActivationsFail",
    ),
    _case(
        "a PBX asks for another attempt until the last",
        {failures("activate", "ATTEMPTS_EXHAUSTED"): "0x20 1x200"},
        after_4m="",
        after_7m="ActivationsFail",
    ),
    _case(
        "a PBX answers no activation, which its deadline ends before it is old",
        {failures("activate", "DEADLINE_PASSED"): "0x20 0+1x200"},
        after_4m="",
        after_12m="ActivationsFail PbxSilent",
    ),
    _case(
        "a deactivation fails at its deadline and needs an operator",
        {
            failures("deactivate", "DEADLINE_PASSED"): "0x20 1x200",
            'unresolved_operations{operation="deactivate"}': "0x20 1x200",
        },
        after_4m="",
        after_20m="OperatorNeeded",
    ),
    _case(
        "a person mistypes what is rejected, and what a PBX refuses",
        {
            'command_refusals_total{operation="activate", code="NUMBER_UNKNOWN"}': "0+1x200",
            failures("activate", "PBX_REFUSED"): "0x4 1x4 2x4 3x200",
        },
        after_5m="",
        after_20m="",
    ),
    _case(
        "a PBX refuses activations",
        {failures("activate", "PBX_REFUSED"): "0x20 0+1x200"},
        after_6m="",
        after_8m="ActivationsFail",
    ),
    _case(
        "bulk commands wait in their queue, and no PBX queue",
        {
            'queue_messages{queue="telephony.phone_number.commands.bulk"}': "5000x200",
            _queue_of_partition("telephony.phone_number.commands.bulk", 0): "5000x200",
        },
        after_20m="",
    ),
    _case(
        "a burst of commands waits for a moment",
        {'queue_messages{queue="telephony.phone_number.commands"}': "0x9 9000x10 0x200"},
        after_3m="",
        after_10m="",
    ),
    _case(
        "commands wait in their queue",
        {'queue_messages{queue="telephony.phone_number.commands"}': "101x200"},
        after_4m="",
        after_6m="CommandsWaiting",
    ),
    _case(
        "commands wait in the queues of partitions",
        {
            _queue_of_partition("telephony.phone_number.commands", 0): "51x200",
            _queue_of_partition("telephony.phone_number.commands", 1): "51x200",
        },
        after_4m="",
        after_6m="CommandsWaiting",
    ),
    _case(
        "operators pause the intake and resume it",
        {"intake_paused": "0x4 1x50 0x200"},
        after_13m="",
        after_20m="",
    ),
    _case(
        "the end of a pause is forgotten",
        {"intake_paused": "0x4 1x200"},
        after_14m="",
        after_17m="IntakePaused",
    ),
    _case(
        "an account uses more than it has bought",
        {"oversubscribed_accounts": "1x200"},
        after_10m="",
        after_16m="AccountsOverEntitlement",
    ),
    _case(
        "a record contradicts what is held",
        {'directory_records_total{kind="phone_number", effect="conflict"}': "0x20 1x200"},
        after_4m="",
        after_7m="DirectoryConflicts",
    ),
    _case(
        "a worker is deployed anew", {"start_timestamp_seconds": "1000x20 2000x200"}, after_10m=""
    ),
    _case(
        "a worker starts again and again",
        {"start_timestamp_seconds": "1000+100x200"},
        after_3m="Unstable",
    ),
    _case(
        "connections to RabbitMQ are cut again and again",
        {"broker_reconnects_total": "0+1x200"},
        after_1m="",
        after_10m="Unstable",
    ),
    _case(
        "a restart of PostgreSQL ends all connections once",
        {"database_reconnects_total": "0x20 16x200"},
        after_10m="",
    ),
    _case(
        "connections to PostgreSQL are cut again and again",
        {"database_reconnects_total": "0+5x200"},
        after_1m="",
        after_10m="Unstable",
    ),
    _case(
        "the database's clock is behind",
        {"database_clock_offset_seconds": "-9x200"},
        after_4m="",
        after_6m="ClockSkew",
    ),
    _case(
        "lines of the log are lost",
        {"log_lines_lost_total": "0x20 4x200"},
        after_4m="",
        after_7m="LogLinesLost",
    ),
)
