"""The catalogue and the topology: the names that other systems depend on."""

import re
from dataclasses import asdict

import pytest
from activation_contracts.catalogue import (
    CATALOGUE,
    COMMANDS,
    DEFAULT_EXCHANGE,
    DIRECTORY,
    REPORTS,
    RESULTS,
    routing_key_of,
)
from activation_contracts.examples import EXAMPLES
from activation_contracts.messages import PublishedMessage
from activation_contracts.refusals import REFUSALS, RefusalCode
from activation_contracts.topology import EXCHANGES, QUEUES, Queue, event_log

NAMES = {
    "telephony.phone_number.activate.v1": (
        "telephony.commands",
        "phone_number.activate",
        "telephony.phone_number.commands",
    ),
    "telephony.phone_number.deactivate.v1": (
        "telephony.commands",
        "phone_number.deactivate",
        "telephony.phone_number.commands",
    ),
    "telephony.phone_number.report.v1": (
        "telephony.commands",
        "phone_number.report",
        "telephony.phone_number.reports",
    ),
    "telephony.phone_number.previewed.v1": ("telephony.events", "phone_number.previewed", None),
    "telephony.phone_number.snapshot.v1": ("telephony.events", "phone_number.snapshot", None),
    "telephony.phone_number.status_changed.v1": (
        "telephony.events",
        "phone_number.status.{status}",
        None,
    ),
    "telephony.phone_number.command_rejected.v1": (
        "telephony.events",
        "phone_number.rejected",
        None,
    ),
    "telephony.phone_number.operation_delayed.v1": (
        "telephony.events",
        "phone_number.delayed",
        None,
    ),
    "telephony.phone_number.operation_failed.v1": (
        "telephony.events",
        "phone_number.failed",
        None,
    ),
    "telephony.phone_number.aftermath.v1": (
        "telephony.events",
        "phone_number.aftermath",
        None,
    ),
    **{
        f"telephony.directory.{kind}.v1": ("telephony.directory", kind, "telephony.directory")
        for kind in (
            *("voice_service", "phone_number", "call_settings"),
            *("hunt_group_member", "handset_login"),
        )
    },
    "telephony.directory.conflict.v1": ("telephony.events", "directory.conflict", None),
    "telephony.pbx.result.v1": ("telephony.pbx.results", "pbx.result", "telephony.pbx.results"),
    "telephony.message.unreadable.v1": ("", "{reply_to}", None),
    "telephony.handset.manual_logout_required.v1": (
        "telephony.events",
        "handset.manual_logout_required",
        None,
    ),
    "telephony.account.entitlement_exceeded.v1": (
        "telephony.events",
        "account.entitlement_exceeded",
        None,
    ),
    "telephony.account.entitlement_restored.v1": (
        "telephony.events",
        "account.entitlement_restored",
        None,
    ),
    "telephony.handset.logout.v1": (
        "telephony.pbx",
        "handset_logout.{site_id}",
        "pbx.handset-logout",
    ),
    "telephony.hunt_group.membership.v1": (
        "telephony.pbx",
        "hunt_group_membership.{site_id}",
        "pbx.hunt-group-membership",
    ),
    "telephony.extension.reset.v1": (
        "telephony.pbx",
        "extension_reset.{site_id}",
        "pbx.extension-reset",
    ),
}


def queue_named(name: str) -> Queue:
    return next(queue for queue in QUEUES if queue.name == name)


def test_the_catalogue_has_exactly_the_published_names() -> None:
    assert {row.type: (row.exchange, row.routing_key, row.queue) for row in CATALOGUE} == NAMES


def test_the_catalogue_has_each_type_once() -> None:
    assert len(CATALOGUE) == len(NAMES)
    received = {**COMMANDS, **REPORTS, **RESULTS, **DIRECTORY}
    assert {*received} == {row.type for row in CATALOGUE if row.direction == "received"}
    assert all(message.model_fields["type"].default == name for name, message in received.items())


def test_every_exchange_is_declared() -> None:
    declared = {exchange.name for exchange in EXCHANGES}

    assert {row.exchange for row in CATALOGUE} < declared | {DEFAULT_EXCHANGE}


def test_every_queue_has_the_bindings_of_the_catalogue() -> None:
    for row in CATALOGUE:
        if row.queue:
            bindings = queue_named(row.queue).bindings
            assert (row.exchange, row.binding_key) in [
                (it.exchange, it.routing_key) for it in bindings
            ]


def test_unroutable_and_rejected_commands_reach_the_dead_letter_queue() -> None:
    commands = next(it for it in EXCHANGES if it.name == "telephony.commands")
    unrouted = commands.arguments["alternate-exchange"]
    unkept = next(it for it in EXCHANGES if it.name == unrouted).arguments["alternate-exchange"]
    dead_letters = queue_named("telephony.phone_number.commands.dead_letter")
    limits = queue_named("telephony.phone_number.commands").arguments

    assert unrouted in [it.exchange for it in dead_letters.bindings]
    assert unkept in [it.exchange for it in queue_named("telephony.phone_number.commands").bindings]
    assert limits["x-dead-letter-routing-key"] == dead_letters.name
    assert (limits["x-dead-letter-strategy"], limits["x-overflow"]) == (
        "at-least-once",
        "reject-publish",
    )


def test_every_queue_is_a_quorum_queue_with_a_delivery_limit_that_never_drops_its_head() -> None:
    assert all(queue.arguments["x-queue-type"] == "quorum" for queue in QUEUES)
    assert all(queue.arguments["x-overflow"] == "reject-publish" for queue in QUEUES)
    assert all("x-delivery-limit" in queue.arguments for queue in QUEUES)


def test_the_event_log_is_a_stream_of_all_events_that_is_kept_for_the_given_days() -> None:
    log = event_log(9)

    assert log.name == "telephony.events.log"
    assert [(it.exchange, it.routing_key) for it in log.bindings] == [("telephony.events", "#")]
    assert (log.arguments["x-queue-type"], log.arguments["x-max-age"]) == ("stream", "9D")


@pytest.mark.parametrize(
    ("example", "routing_key"),
    [
        ("telephony.phone_number.status_changed.v1", "phone_number.status.pending"),
        ("telephony.phone_number.status_changed.v1.reserved", "phone_number.status.reserved"),
        ("telephony.phone_number.command_rejected.v1", "phone_number.rejected"),
        ("telephony.extension.reset.v1", "extension_reset.london-1"),
    ],
)
def test_the_routing_key_is_filled_in_from_the_payload(example: str, routing_key: str) -> None:
    message = EXAMPLES[example]

    assert isinstance(message, PublishedMessage)
    assert routing_key_of(message) == routing_key


def test_every_message_says_who_sends_it_when_what_may_repeat_and_what_its_receiver_does() -> None:
    # Of its own: one that a class inherits would be another message's.
    assert [row.type for row in CATALOGUE if "GUIDANCE" not in vars(row.message)] == []

    for row in CATALOGUE:
        for text in asdict(row.guidance).values():
            assert text.endswith("."), row.type
            assert text.count("`") % 2 == 0, row.type


def test_guidance_names_only_types_that_exist() -> None:
    texts = " ".join(text for row in CATALOGUE for text in asdict(row.guidance).values())
    named = {*re.findall(r"`(telephony\.[a-z_.]+\.v\d+)`", texts)}

    assert len(named) > 5
    assert named < {row.type for row in CATALOGUE}


def test_every_refusal_has_a_meaning_and_a_remedy() -> None:
    assert [refusal.code for refusal in REFUSALS] == [*RefusalCode]
    assert all(refusal.meaning.endswith(".") for refusal in REFUSALS)
    assert all(refusal.remedy.endswith(".") for refusal in REFUSALS)
